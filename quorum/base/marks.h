// Two hooks of the simulator in the cores. Outside its build (HEXAD_SIM) both are nothing.
//
//   SOMETIMES(name)   a rare situation was reached. A campaign reports how often, and fails for one
//                     that it never reached: a rare branch that no run takes is not tested.
//   BUGGIFY(name)     true now and then, in some runs: may the unlikely happen here on purpose?
//   Only
//                     for what the core may do anyway at any time (give up early, take a small
//                     part).
//
// A name is one word of [a-z_0-9], said once in the tree. (After FoundationDB's CODE_PROBE and
// BUGGIFY, and TigerBeetle's marks.)
#pragma once

#ifdef HEXAD_SIM

#include <cstddef>

namespace hexad::marks {

// A name as a template's argument: each mark registers itself before main, reached or not.
template <size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&from)[N]) {  // NOLINT(google-explicit-constructor)
    for (size_t i = 0; i < N; ++i) text[i] = from[i];
  }
};

// Both by tests/sim/marks.cc. The numbers count from 0.
size_t Register(const char* name);
void Reach(size_t mark);
// Drawn from the run's seed.
bool Buggify(const char* name);

template <Name kName>
struct Mark {
  static inline const size_t number = Register(kName.text);
};

}  // namespace hexad::marks

#define SOMETIMES(name) ::hexad::marks::Reach(::hexad::marks::Mark<#name>::number)
#define BUGGIFY(name) ::hexad::marks::Buggify(#name)

#else

#define SOMETIMES(name) static_cast<void>(0)
#define BUGGIFY(name) false

#endif
