// The protobuf wire format by hand, for the few messages where generated code would copy the log.
//
// A field is a tag (varint: number << 3 | wire type) and a value. Only three wire types occur in
// Hexad's messages: varint (0), 8 bytes (1), and length with bytes (2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "quorum/base/bytes.h"

namespace hexad::proto {

inline constexpr uint32_t VarintTag(uint32_t field) { return field << 3; }
inline constexpr uint32_t Fixed64Tag(uint32_t field) { return field << 3 | 1; }
inline constexpr uint32_t BytesTag(uint32_t field) { return field << 3 | 2; }

inline constexpr size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(64 - __builtin_clzll(value | 1)) + 6) / 7;
}

inline void AppendVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// The fields of proto3 that hold their default are left out, as generated code does: the encoding
// is then the same byte for byte, and a test can say so.
inline size_t VarintFieldSize(uint32_t tag, uint64_t value) {
  return value == 0 ? 0 : VarintSize(tag) + VarintSize(value);
}
inline size_t Fixed64FieldSize(uint32_t tag, uint64_t value) {
  return value == 0 ? 0 : VarintSize(tag) + sizeof value;
}
inline void AppendVarintField(uint32_t tag, uint64_t value, std::string& out) {
  if (value == 0) return;
  AppendVarint(tag, out);
  AppendVarint(value, out);
}
inline void AppendFixed64Field(uint32_t tag, uint64_t value, std::string& out) {
  if (value == 0) return;
  AppendVarint(tag, out);
  AppendLe(out, value);
}

// Reads fields in order from bytes of unknown quality. After damage every further read yields zeros
// and ok() is false: callers check once, at the end.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // False at the end, or at damage: then ok() is false.
  bool NextTag(uint32_t& tag) {
    if (!ok_ || rest_.empty()) return false;
    const uint64_t raw = Varint();
    if (raw == 0 || raw > UINT32_MAX) ok_ = false;
    tag = static_cast<uint32_t>(raw);
    return ok_;
  }

  uint64_t Varint() {
    uint64_t value = 0;
    for (size_t i = 0; i < rest_.size() && i < kMaxVarintBytes; ++i) {
      const auto byte = static_cast<uint8_t>(rest_[i]);
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        rest_.remove_prefix(i + 1);
        return value;
      }
    }
    return Fail();
  }

  uint64_t Fixed64() {
    if (rest_.size() < sizeof(uint64_t)) return Fail();
    const auto value = LoadLe<uint64_t>(rest_.data());
    rest_.remove_prefix(sizeof(uint64_t));
    return value;
  }

  std::string_view Bytes() {
    const uint64_t length = Varint();
    if (!ok_ || length > rest_.size()) {
      Fail();
      return {};
    }
    std::string_view bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return bytes;
  }

  // Steps over a field of a later version. Groups, which proto3 does not have, are damage.
  void Skip(uint32_t tag) {
    switch (tag & 7) {
      case 0:
        Varint();
        return;
      case 1:
        Fixed64();
        return;
      case 2:
        Bytes();
        return;
      default:
        Fail();
    }
  }

  bool ok() const { return ok_; }

 private:
  static constexpr size_t kMaxVarintBytes = 10;

  uint64_t Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace hexad::proto
