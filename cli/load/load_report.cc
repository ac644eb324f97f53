#include "cli/load/load_report.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/table.h"

namespace hexad::cli {
namespace {

uint64_t PerSecond(uint64_t count, Duration elapsed) {
  const double seconds = static_cast<double>(std::max<int64_t>(elapsed.nanos(), 1)) / 1e9;
  return static_cast<uint64_t>(static_cast<double>(count) / seconds);
}

void PrintRates(const workload::WriteResult& result, std::ostream& out) {
  out << Thousands(result.acked) << " MTRs acknowledged, " << Thousands(result.failed)
      << " failed, " << Thousands(result.unknown) << " unknown, in "
      << Micros(static_cast<uint64_t>(result.elapsed.micros())) << "\n";
  char per_boxcar[32];
  std::snprintf(per_boxcar, sizeof per_boxcar, "%.1f",
                result.boxcars == 0
                    ? 0.0
                    : static_cast<double>(result.records) / static_cast<double>(result.boxcars));
  out << "  " << Thousands(PerSecond(result.acked, result.elapsed)) << " MTRs/s   "
      << Thousands(PerSecond(result.records, result.elapsed)) << " records/s   "
      << Bytes(PerSecond(result.log_bytes, result.elapsed)) << "/s of log   " << per_boxcar
      << " records per boxcar\n";
}

void PrintLatencies(const workload::WriteResult& result, bool colour, std::ostream& out) {
  Table table({{""},
               {"P50", Align::kRight},
               {"P95", Align::kRight},
               {"P99", Align::kRight},
               {"P99.9", Align::kRight},
               {"MAX", Align::kRight}});
  const auto row = [&](const std::string& name, const compute::Histogram& micros) {
    table.AddRow({name, Micros(micros.Percentile(5'000)), Micros(micros.Percentile(9'500)),
                  Micros(micros.Percentile(9'900)), Micros(micros.Percentile(9'990)),
                  Micros(micros.max())});
  };
  row("commit", result.commit_us);
  for (size_t i = 0; i < result.ack_us.size(); ++i) {
    row(absl::StrCat("ack ", i + 1, i == 3 ? " = durable" : ""), result.ack_us[i]);
  }
  table.Print(out, colour);
}

void PrintFourth(const workload::WriteResult& result, std::ostream& out) {
  uint64_t all = 0;
  for (const auto& [node, count] : result.fourth_ack) all += count;
  std::vector<std::string> shares;
  for (const auto& [node, count] : result.fourth_ack) {
    shares.push_back(absl::StrCat(node, " ", count * 100 / all, " %"));
  }
  if (!shares.empty()) out << "  the fourth ack came from: " << absl::StrJoin(shares, ", ") << "\n";
}

}  // namespace

void PrintLoadReport(const workload::WriteResult& result, bool colour, std::ostream& out) {
  PrintRates(result, out);
  PrintLatencies(result, colour, out);
  PrintFourth(result, out);
}

}  // namespace hexad::cli
