// Numbers, sizes and times as people read them. LSNs carry thousands separators; JSON never goes
// through here.
#pragma once

#include <cstdint>
#include <string>

namespace hexad::cli {

std::string Thousands(uint64_t value);           // 118204 -> "118,204"
std::string Bytes(uint64_t bytes);               // 12582912 -> "13 MB" (powers of 1,000 above 1 kB)
std::string Micros(uint64_t micros);             // 900 -> "0.9 ms"; 2'500'000 -> "2.5 s"
std::string Seconds(double seconds);             // 7.25 -> "7.3 s"; 95 -> "1 min 35 s"
std::string Count(uint64_t n, const char* one);  // 1 -> "1 node"; 2 -> "2 nodes"
// 0 -> "no", then "one".."nine", then digits: "one AZ and one node".
std::string InWords(int n);
// 2026-01-31T12:00:00Z
std::string Iso8601(int64_t unix_seconds);

}  // namespace hexad::cli
