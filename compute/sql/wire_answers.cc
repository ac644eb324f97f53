#include "compute/sql/wire.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

void PutU16(uint16_t value, std::string& out) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void PutU32(uint32_t value, std::string& out) {
  PutU16(static_cast<uint16_t>(value >> 16), out);
  PutU16(static_cast<uint16_t>(value), out);
}

void PutString(std::string_view text, std::string& out) {
  out.append(text.substr(0, text.find('\0')));
  out.push_back('\0');
}

// The length at `at`, of everything from there on.
void SetLength(size_t at, std::string& out) {
  std::string length;
  PutU32(static_cast<uint32_t>(out.size() - at), length);
  out.replace(at, length.size(), length);
}

}  // namespace

// One message: its length is known when it is whole.
class Answers::Message {
 public:
  Message(char type, std::string& out) : out_(out) {
    out_.push_back(type);
    at_ = out_.size();
    PutU32(0, out_);
  }
  ~Message() { SetLength(at_, out_); }

 private:
  std::string& out_;
  size_t at_ = 0;
};

void Answers::Empty(char type) { const Message message(type, out_); }

void Answers::AuthenticationOk() {
  const Message message('R', out_);
  PutU32(0, out_);
}

void Answers::AuthenticationSasl(std::string_view mechanism) {
  const Message message('R', out_);
  PutU32(10, out_);
  PutString(mechanism, out_);
  PutString("", out_);
}

void Answers::AuthenticationSaslContinue(std::string_view data) {
  const Message message('R', out_);
  PutU32(11, out_);
  out_.append(data);
}

void Answers::AuthenticationSaslFinal(std::string_view data) {
  const Message message('R', out_);
  PutU32(12, out_);
  out_.append(data);
}

void Answers::ParameterStatus(std::string_view name, std::string_view value) {
  const Message message('S', out_);
  PutString(name, out_);
  PutString(value, out_);
}

void Answers::BackendKeyData(uint32_t process, uint32_t secret) {
  const Message message('K', out_);
  PutU32(process, out_);
  PutU32(secret, out_);
}

void Answers::ReadyForQuery(TransactionState state) {
  const Message message('Z', out_);
  out_.push_back(static_cast<char>(state));
}

void Answers::RowDescription(std::span<const Column> columns) {
  const Message message('T', out_);
  PutU16(static_cast<uint16_t>(columns.size()), out_);
  for (const Column& column : columns) {
    PutString(column.name, out_);
    PutU32(0, out_);  // of no table that a client could look up
    PutU16(0, out_);
    PutU32(column.type, out_);
    PutU16(static_cast<uint16_t>(column.type_bytes), out_);
    PutU32(0xffff'ffff, out_);  // no type modifier
    PutU16(static_cast<uint16_t>(column.format), out_);
  }
}

void Answers::NoData() { Empty('n'); }
void Answers::ParseComplete() { Empty('1'); }
void Answers::BindComplete() { Empty('2'); }
void Answers::CloseComplete() { Empty('3'); }
void Answers::PortalSuspended() { Empty('s'); }
void Answers::EmptyQueryResponse() { Empty('I'); }
void Answers::CopyDone() { Empty('c'); }

void Answers::ParameterDescription(std::span<const uint32_t> types) {
  const Message message('t', out_);
  PutU16(static_cast<uint16_t>(types.size()), out_);
  for (const uint32_t type : types) PutU32(type, out_);
}

void Answers::CommandComplete(std::string_view tag) {
  const Message message('C', out_);
  PutString(tag, out_);
}

void Answers::Say(char type, const Report& report) {
  const Message message(type, out_);
  const auto field = [this](char code, std::string_view text) {
    if (text.empty()) return;
    out_.push_back(code);
    PutString(text, out_);
  };
  field('S', report.severity);
  field('V', report.severity);
  field('C', report.sqlstate);
  field('M', report.message);
  field('D', report.detail);
  field('H', report.hint);
  out_.push_back('\0');
}

void Answers::CopyResponse(char type, size_t columns) {
  const Message message(type, out_);
  out_.push_back('\0');  // text
  PutU16(static_cast<uint16_t>(columns), out_);
  for (size_t i = 0; i < columns; ++i) PutU16(0, out_);
}

void Answers::CopyInResponse(size_t columns) { CopyResponse('G', columns); }
void Answers::CopyOutResponse(size_t columns) { CopyResponse('H', columns); }

void Answers::CopyData(std::string_view bytes) {
  const Message message('d', out_);
  out_.append(bytes);
}

void Answers::BeginRow(size_t columns) {
  out_.push_back('D');
  row_at_ = out_.size();
  PutU32(0, out_);
  PutU16(static_cast<uint16_t>(columns), out_);
}

void Answers::Value(std::string_view bytes) {
  PutU32(static_cast<uint32_t>(bytes.size()), out_);
  out_.append(bytes);
}

void Answers::Null() { PutU32(0xffff'ffff, out_); }

void Answers::EndRow() { SetLength(row_at_, out_); }

void Answers::DropRow() { out_.resize(row_at_ - 1); }

}  // namespace hexad::compute::sql
