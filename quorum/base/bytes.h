// Bytes: little-endian fields, a reader that cannot run past the end, and shared views.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Hexad's formats are little-endian");

namespace hexad {

// A view of immutable bytes together with whatever keeps them alive (a received message, a value
// read from a store). Cheap to copy; safe to keep.
class BytesRef {
 public:
  BytesRef() = default;
  BytesRef(std::shared_ptr<const void> owner, std::string_view view)
      : owner_(std::move(owner)), view_(view) {}

  static BytesRef Own(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    std::string_view view = *owner;
    return BytesRef(std::move(owner), view);
  }

  std::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  // A part of these bytes that keeps the whole alive.
  BytesRef Part(size_t offset, size_t length) const {
    return BytesRef(owner_, view_.substr(offset, length));
  }
  friend bool operator==(const BytesRef& a, const BytesRef& b) { return a.view_ == b.view_; }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view view_;
};

// Reads an unaligned little-endian integer. REQUIRES: sizeof(T) bytes at `from`.
template <class T>
requires std::is_integral_v<T> T LoadLe(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
requires std::is_integral_v<T>
void StoreLe(char* to, T value) { std::memcpy(to, &value, sizeof value); }

template <class T>
requires std::is_integral_v<T>
void AppendLe(std::string& out, T value) {
  char raw[sizeof(T)];
  StoreLe(raw, value);
  out.append(raw, sizeof raw);
}

// Reads fields in order from bytes of unknown quality. After the first field that does not fit,
// every further read yields zeros and ok() is false: callers check once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T Int() {
    if (!ok_ || rest_.size() < sizeof(T)) {
      ok_ = false;
      return T{};
    }
    T value = LoadLe<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::string_view Bytes(size_t length) {
    if (!ok_ || rest_.size() < length) {
      ok_ = false;
      return {};
    }
    std::string_view bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return bytes;
  }

  size_t remaining() const { return rest_.size(); }
  bool ok() const { return ok_; }
  // True if everything was read and everything fitted.
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace hexad
