#include "cli/load/load_trace.h"

#include <array>
#include <nlohmann/json.hpp>

namespace hexad::cli {
namespace {

using nlohmann::json;

// Bounds of about 5 %, from 20 us to half a minute.
constexpr size_t kBounds = 304;
constexpr std::array<uint64_t, kBounds> kBoundsUs = [] {
  std::array<uint64_t, kBounds> bounds{};
  uint64_t bound = 20;
  for (uint64_t& at : bounds) {
    at = bound;
    bound += bound / 20;
  }
  return bounds;
}();
static_assert(kBoundsUs.back() > 30'000'000);

void Merge(const json& line, LoadWindow& window) {
  ++window.intervals;
  window.millis += line.at("interval_ms").get<uint64_t>();
  window.acked += line.at("interval_acked").get<uint64_t>();
  window.failed = line.at("failed");
  window.unknown = line.at("unknown");
  window.vdl = line.at("vdl");
  window.acked_in_all = line.at("acked");
  for (const json& count : line.at("commit_us")) {
    window.commit_us[count.at(0).get<uint64_t>()] += count.at(1).get<uint64_t>();
  }
}

}  // namespace

LoadTraceWriter::LoadTraceWriter(const std::string& file) : out_(file, std::ios::trunc) {}

void LoadTraceWriter::Add(const workload::WriteProgress& progress) {
  json counts = json::array();
  const std::vector<uint64_t> between = progress.interval_commit_us.CountsBetween(kBoundsUs);
  for (size_t i = 0; i < between.size(); ++i) {
    // What lies above the last bound is shown at it: nothing that slow tells two values apart.
    if (between[i] != 0) counts.push_back({kBoundsUs[std::min(i, kBounds - 1)], between[i]});
  }
  const json line = {{"elapsed_ms", progress.elapsed.millis()},
                     {"interval_ms", progress.interval.millis()},
                     {"interval_acked", progress.interval_acked},
                     {"acked", progress.acked},
                     {"failed", progress.failed},
                     {"unknown", progress.unknown},
                     {"vdl", progress.vdl.value()},
                     {"commit_us", counts}};
  out_ << line.dump() << std::endl;
}

double LoadWindow::MtrsPerSecond() const {
  return millis == 0 ? 0 : static_cast<double>(acked) * 1000 / static_cast<double>(millis);
}

uint64_t LoadWindow::CommitMicros(uint64_t per_ten_thousand) const {
  uint64_t count = 0;
  for (const auto& [at_most, n] : commit_us) count += n;
  const uint64_t wanted = (count * per_ten_thousand + 9'999) / 10'000;
  uint64_t passed = 0;
  for (const auto& [at_most, n] : commit_us) {
    passed += n;
    if (passed >= wanted) return at_most;
  }
  return 0;
}

LoadWindow LoadTraceReader::TakeNew() {
  LoadWindow window;
  std::ifstream in(file_, std::ios::binary);
  in.seekg(position_);
  for (std::string line; std::getline(in, line) && !in.eof();) {
    position_ += static_cast<std::streamoff>(line.size()) + 1;
    try {
      Merge(json::parse(line), window);
    } catch (const json::exception&) {
      // A trace is for showing: a damaged line is as if its interval had not been told.
    }
  }
  return window;
}

}  // namespace hexad::cli
