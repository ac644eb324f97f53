#include "compute/sql/wire.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

constexpr uint32_t kLengthBytes = 4;
constexpr uint32_t kVersion3 = 196'608;
constexpr uint32_t kCancel = 80'877'102;
constexpr uint32_t kSsl = 80'877'103;
constexpr uint32_t kGss = 80'877'104;
constexpr uint32_t kNull = 0xffff'ffff;

uint32_t Word(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// Reads fields off a frame. After the first that is not there, everything is empty and ok() false.
class Fields {
 public:
  explicit Fields(std::string_view rest) : rest_(rest) {}

  std::string_view Bytes(size_t count) {
    if (!ok_ || rest_.size() < count) return Fail();
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  uint32_t U32() {
    const std::string_view bytes = Bytes(4);
    return ok_ ? Word(bytes, 0) : 0;
  }
  uint16_t U16() {
    const std::string_view bytes = Bytes(2);
    if (!ok_) return 0;
    return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) << 8 |
                                 static_cast<uint8_t>(bytes[1]));
  }
  std::string_view String() {
    const size_t end = rest_.find('\0');
    if (!ok_ || end == std::string_view::npos) return Fail();
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string_view Rest() { return std::exchange(rest_, {}); }
  bool ok() const { return ok_; }
  // All of it was there, and nothing is left.
  bool Whole() const { return ok_ && rest_.empty(); }
  std::string_view Fail() {
    ok_ = false;
    rest_ = {};
    return {};
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// A count is compared with the bytes that are there before anything is allocated for it.
std::vector<Format> Formats(Fields& fields) {
  const size_t count = fields.U16();
  const std::string_view codes = fields.Bytes(2 * count);
  std::vector<Format> formats;
  for (size_t i = 0; 2 * i < codes.size(); ++i) {
    const bool known = codes[2 * i] == 0 && (codes[2 * i + 1] == 0 || codes[2 * i + 1] == 1);
    if (!known) {
      fields.Fail();
      return {};
    }
    formats.push_back(codes[2 * i + 1] == 0 ? Format::kText : Format::kBinary);
  }
  return formats;
}

Parse ParseOf(Fields& fields) {
  Parse parse;
  parse.statement = fields.String();
  parse.text = fields.String();
  const size_t count = fields.U16();
  const std::string_view types = fields.Bytes(4 * count);
  for (size_t at = 0; at < types.size(); at += 4) parse.types.push_back(Word(types, at));
  return parse;
}

Bind BindOf(Fields& fields) {
  Bind bind;
  bind.portal = fields.String();
  bind.statement = fields.String();
  bind.formats = Formats(fields);
  const size_t count = fields.U16();
  for (size_t i = 0; i < count && fields.ok(); ++i) {
    const uint32_t length = fields.U32();
    if (length == kNull) {
      bind.values.emplace_back(std::nullopt);
    } else {
      bind.values.emplace_back(fields.Bytes(length));
    }
  }
  bind.result_formats = Formats(fields);
  const auto fits = [](size_t formats, size_t values) { return formats <= 1 || formats == values; };
  if (!fits(bind.formats.size(), bind.values.size())) fields.Fail();
  return bind;
}

// 'S' a statement, 'P' a portal.
template <class Message>
Message Named(Fields& fields) {
  Message message;
  const std::string_view kind = fields.Bytes(1);
  if (kind != "S" && kind != "P") fields.Fail();
  message.portal = kind == "P";
  message.name = fields.String();
  return message;
}

std::optional<ClientMessage> MessageOf(char type, Fields& fields) {
  switch (type) {
    case 'Q':
      return Query{fields.String()};
    case 'P':
      return ParseOf(fields);
    case 'B':
      return BindOf(fields);
    case 'D':
      return Named<Describe>(fields);
    case 'C':
      return Named<Close>(fields);
    case 'E': {
      const std::string_view portal = fields.String();
      return Execute{portal, fields.U32()};
    }
    case 'S':
      return Sync{};
    case 'H':
      return Flush{};
    case 'X':
      return Terminate{};
    case 'p':
      return Password{fields.Rest()};
    case 'd':
      return CopyData{fields.Rest()};
    case 'c':
      return CopyDone{};
    case 'f':
      return CopyFail{fields.String()};
    default:
      return std::nullopt;
  }
}

std::string Shown(char type) {
  const bool printable = type > ' ' && type < '\x7f';
  return printable ? std::string(1, type) : absl::StrCat(static_cast<uint8_t>(type));
}

absl::StatusOr<std::optional<uint32_t>> SizeWithin(uint32_t length, uint32_t before,
                                                   uint32_t limit) {
  if (length < kLengthBytes || length > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", length, " bytes; it may have up to ", limit));
  }
  return before + length;
}

}  // namespace

std::string StartupMessage::Find(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return "";
}

absl::StatusOr<std::optional<uint32_t>> FirstFrameSize(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) return std::nullopt;
  return SizeWithin(Word(bytes, 0), 0, kMaxStartupBytes);
}

absl::StatusOr<std::optional<uint32_t>> FrameSize(std::string_view bytes) {
  if (bytes.size() < 1 + kLengthBytes) return std::nullopt;
  return SizeWithin(Word(bytes, 1), 1, kMaxMessageBytes);
}

absl::StatusOr<FirstMessage> ParseFirst(std::string_view frame) {
  INVARIANT(frame.size() >= kLengthBytes);
  Fields fields(frame.substr(kLengthBytes));
  const uint32_t code = fields.U32();
  if (code == kSsl && fields.Whole()) return SslRequest{};
  if (code == kGss && fields.Whole()) return GssRequest{};
  if (code == kCancel) {
    CancelRequest cancel;
    cancel.process = fields.U32();
    cancel.secret = fields.U32();
    if (fields.Whole()) return cancel;
  }
  if (code != kVersion3) {
    return absl::InvalidArgumentError(
        absl::StrCat("protocol ", code >> 16, ".", code & 0xffff, "; this server speaks 3.0"));
  }
  StartupMessage startup;
  for (;;) {
    const std::string_view name = fields.String();
    if (name.empty()) break;
    const std::string_view value = fields.String();
    startup.parameters.emplace_back(name, value);
  }
  if (!fields.Whole()) return absl::InvalidArgumentError("a startup message that does not end");
  return startup;
}

absl::StatusOr<ClientMessage> ParseMessage(std::string_view frame) {
  INVARIANT(frame.size() >= 1 + kLengthBytes);
  Fields fields(frame.substr(1 + kLengthBytes));
  std::optional<ClientMessage> message = MessageOf(frame[0], fields);
  if (!message.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("a message of type ", Shown(frame[0])));
  }
  if (!fields.Whole()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a message of type ", Shown(frame[0]), " that does not fit its length"));
  }
  return *std::move(message);
}

}  // namespace hexad::compute::sql
