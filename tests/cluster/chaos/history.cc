#include "tests/cluster/chaos/history.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_replace.h"
#include "cli/launcher/record_json.h"

namespace hexad::chaos {
namespace {

using nlohmann::json;

constexpr uint64_t kP50 = 5'000;
constexpr uint64_t kP99 = 9'900;

double Rounded(double seconds) { return std::round(seconds * 100) / 100; }

json SamplesOf(const History& history) {
  json out = json::array();
  for (const cluster_test::LoadSample& sample : history.samples) {
    cli::LoadWindow window;
    window.commit_us = sample.commit_us;
    const double rate = sample.seconds > 0 ? static_cast<double>(sample.acked) / sample.seconds : 0;
    out.push_back({Rounded(sample.at_s), std::round(rate), window.CommitMicros(kP50),
                   window.CommitMicros(kP99)});
  }
  return out;
}

json DataOf(const History& history) {
  json data = {
      {"seed", history.seed},    {"command", history.command}, {"verdict", history.verdict},
      {"good", history.good},    {"seconds", history.seconds}, {"acked", history.acked},
      {"lanes", json::array()},  {"bars", json::array()},      {"told", json::array()},
      {"proofs", json::array()}, {"ends", json::array()},      {"samples", SamplesOf(history)}};
  for (const auto& [name, zone] : history.lanes) data["lanes"].push_back({name, zone});
  for (const Bar& bar : history.bars) {
    data["bars"].push_back({bar.lane, bar.kind, bar.text, Rounded(bar.from_s), Rounded(bar.to_s)});
  }
  for (const Told& told : history.told) {
    data["told"].push_back(
        {Rounded(told.at_s), Rounded(told.to_s), told.what, told.effect, told.good});
  }
  for (const Proof& proof : history.proofs) {
    data["proofs"].push_back({Rounded(proof.from_s), Rounded(proof.to_s), proof.good, proof.text});
  }
  for (const cluster_test::WriterEnd& end : history.ends) {
    data["ends"].push_back({Rounded(end.at_s), end.why});
  }
  return data;
}

}  // namespace

absl::Status WritePage(const History& history, const std::string& file) {
  // "</script>" within a string would end the script.
  const std::string data = absl::StrReplaceAll(DataOf(history).dump(), {{"</", "<\\/"}});
  return launcher::WriteFileAtomically(file, absl::StrReplaceAll(kPage, {{kDataPlace, data}}));
}

}  // namespace hexad::chaos
