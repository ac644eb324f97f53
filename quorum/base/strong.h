// Strong types: an integer that cannot be mistaken for another integer.
//
// Every number of the protocol (an LSN, a page number, an epoch number) is its own type. Mixing two
// is a compile error, and a function's signature says what it takes. There are no implicit
// conversions; `value()` is for codecs, hashing and printing.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <ostream>

namespace hexad {

// An ordered identifier. `Tag` is never defined; it only tells two strong types apart.
template <class Tag, class Rep>
class Strong {
 public:
  using rep = Rep;
  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(std::move(value)) {}

  constexpr const Rep& value() const { return value_; }

  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
  friend constexpr bool operator==(const Strong&, const Strong&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Strong& s) { return out << s.value_; }

 private:
  Rep value_{};
};

}  // namespace hexad

template <class Tag, class Rep>
struct std::hash<hexad::Strong<Tag, Rep>> {
  size_t operator()(const hexad::Strong<Tag, Rep>& s) const noexcept {
    return std::hash<Rep>()(s.value());
  }
};
