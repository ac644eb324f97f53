#include "cli/verify/verification.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/progress.h"
#include "cli/verify/pinned_volume.h"

namespace hexad::cli {
namespace {

// How far the volume was ever written, as a read quorum of its segments knows it; and at least as
// far as the ack log. UNAVAILABLE if too few answer to tell: nothing must pass for compared then.
absl::StatusOr<uint64_t> PagesToCompare(const launcher::ClusterPicture& cluster,
                                        const std::string& volume, const workload::AckCheck* acks) {
  if (absl::Status known = launcher::CheckVolumesKnown(cluster); !known.ok()) return known;
  const auto found = std::ranges::find(cluster.volumes, volume, &launcher::VolumePicture::name);
  if (found == cluster.volumes.end()) {
    return launcher::Failed(
        absl::StatusCode::kNotFound,
        {absl::StrCat("there is no volume ", volume, " any more"), "", "hexad volume list"});
  }
  if (absl::Status heard = launcher::CheckSegmentsHeard(cluster, *found); !heard.ok()) return heard;
  uint64_t pages = found->pages_seen;
  if (acks == nullptr) return pages;
  for (const PageNo page : acks->PagesNeeded()) {
    pages = std::max<uint64_t>(pages, uint64_t{page.value()} + 1);
  }
  return pages;
}

launcher::ScrubPicture ScrubOf(const launcher::ClusterPicture& cluster) {
  launcher::ScrubPicture all;
  bool first = true;
  for (const launcher::NodePicture& node : cluster.nodes) {
    if (node.state != launcher::NodeState::kUp) continue;
    const launcher::ScrubPicture& scrub = node.scrub;
    all.rounds = first ? scrub.rounds : std::min(all.rounds, scrub.rounds);
    all.pages += scrub.pages;
    all.damaged += scrub.damaged;
    all.different += scrub.different;
    all.repaired += scrub.repaired;
    all.unrepaired += scrub.unrepaired;
    first = false;
  }
  return all;
}

}  // namespace

absl::StatusOr<Verification> Verify(launcher::Launcher& launcher, const VerifyRequest& request,
                                    const VerifyHow& how) {
  const auto begin = std::chrono::steady_clock::now();
  std::optional<workload::AckCheck> acks;
  if (!request.ack_log.empty()) {
    acks.emplace();
    if (const absl::Status loaded = acks->LoadAckLog(request.ack_log); !loaded.ok()) {
      return launcher::Failed(loaded.code(),
                              {"cannot use the ack log", std::string(loaded.message()),
                               "hexad bench write --ack-log FILE writes one"});
    }
  }
  auto pinned = PinVolume(launcher, request.volume);
  if (!pinned.ok()) return pinned.status();
  // What was acknowledged is durable, also if its writer ended before it could tell the segments.
  if (acks) pinned->read_point.lsn = std::max(pinned->read_point.lsn, acks->HighestAcked());

  Progress progress("comparing six segments", "pages", how.progress);
  CompareHooks hooks;
  hooks.interrupted = how.interrupted;
  hooks.progress = [&](uint64_t done, uint64_t of) { progress.Set(done, of); };
  if (acks) hooks.seen = [&](PageNo page, std::string_view bytes) { acks->Show(page, bytes); };
  SegmentReader reader(launcher.record().Topology(), pinned->read_point);
  const launcher::ClusterPicture cluster = launcher::Look(launcher);
  const auto pages = PagesToCompare(cluster, request.volume, acks ? &*acks : nullptr);
  if (!pages.ok()) return pages.status();
  auto comparison = CompareSegments(reader, *pages, hooks);
  if (!comparison.ok()) return comparison.status();

  Verification verification;
  verification.volume = request.volume;
  verification.scrub = ScrubOf(cluster);
  verification.epoch = pinned->read_point.epoch.number;
  verification.read_point = pinned->read_point.lsn;
  verification.comparison = *std::move(comparison);
  if (acks) verification.acks = acks->Finish();
  verification.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return verification;
}

absl::Status VerdictOf(const Verification& verification) {
  std::vector<std::string> why;
  for (const PageDifference& difference : verification.comparison.differences) {
    why.push_back(absl::StrCat("page ", difference.page.value(), ": ", difference.what));
  }
  if (verification.acks) {
    for (const std::string& example : verification.acks->examples) why.push_back(example);
  }
  std::string what;
  if (verification.comparison.different_pages != 0) {
    what = absl::StrCat(Count(verification.comparison.different_pages, "page"),
                        " could not be shown to be equal on all segments");
  }
  if (verification.acks && !verification.acks->ok()) {
    absl::StrAppend(&what, what.empty() ? "" : "; ",
                    Count(verification.acks->missing, "acknowledged MTR"), " missing, ",
                    verification.acks->partial_mtrs, " partly there");
  }
  const std::set<std::string>& left_out = verification.comparison.left_out;
  if (what.empty() && left_out.empty()) return absl::OkStatus();
  if (what.empty()) {
    return launcher::Failed(absl::StatusCode::kUnavailable,
                            {absl::StrCat("volume ", verification.volume, ": ",
                                          absl::StrJoin(left_out, ", "), " could not be compared"),
                             "it let one read after another time out; the other segments are equal",
                             "hexad status, hexad doctor"});
  }
  if (!left_out.empty()) why.push_back(absl::StrJoin(left_out, ", ") + " does not answer");
  std::string first_lines;
  for (const std::string& line : why) {
    absl::StrAppend(&first_lines, first_lines.empty() ? "" : "\n        ", line);
  }
  return launcher::Failed(absl::StatusCode::kDataLoss,
                          {absl::StrCat("volume ", verification.volume, ": ", what), first_lines,
                           "hexad status, hexad doctor"});
}

void PrintVerification(const Verification& verification, std::ostream& out) {
  const Comparison& comparison = verification.comparison;
  if (comparison.pages + comparison.different_pages == 0) {
    out << "volume " << verification.volume << ": nothing was ever written to it\n";
    return;
  }
  out << "volume " << verification.volume << " at LSN "
      << Thousands(verification.read_point.value()) << ", epoch " << verification.epoch << ": "
      << Thousands(comparison.pages) << " of "
      << Thousands(comparison.pages + comparison.different_pages) << " pages equal on all "
      << comparison.segments << " segments "
      << (comparison.left_out.empty()
              ? ""
              : absl::StrCat("but those of ", absl::StrJoin(comparison.left_out, ", "), " "))
      << "(" << Thousands(comparison.pages_written) << " written)";
  if (verification.acks) {
    const workload::AckVerdict& acks = *verification.acks;
    out << "\n"
        << Thousands(acks.present) << " of " << Thousands(acks.acked)
        << " acknowledged MTRs present, " << acks.missing << " missing, " << acks.partial_mtrs
        << " partly there";
  }
  out << "   (" << Seconds(verification.seconds) << ")\n";
  const launcher::ScrubPicture& scrub = verification.scrub;
  out << "scrub since the nodes started: " << Count(scrub.rounds, "round") << ", "
      << Thousands(scrub.pages) << " pages checked, " << scrub.damaged << " damaged, "
      << scrub.different << " different, " << scrub.repaired << " repaired, " << scrub.unrepaired
      << " not yet\n";
}

nlohmann::ordered_json VerificationJson(const Verification& verification) {
  const Comparison& comparison = verification.comparison;
  nlohmann::ordered_json differences = nlohmann::ordered_json::array();
  for (const PageDifference& difference : comparison.differences) {
    differences.push_back({{"page", difference.page.value()}, {"what", difference.what}});
  }
  nlohmann::ordered_json json = {{"volume", verification.volume},
                                 {"epoch", verification.epoch},
                                 {"read_point", verification.read_point.value()},
                                 {"segments", comparison.segments},
                                 {"pages_equal", comparison.pages},
                                 {"pages_written", comparison.pages_written},
                                 {"pages_different", comparison.different_pages},
                                 {"differences", differences},
                                 {"left_out", comparison.left_out},
                                 {"scrub",
                                  {{"rounds", verification.scrub.rounds},
                                   {"pages", verification.scrub.pages},
                                   {"damaged", verification.scrub.damaged},
                                   {"different", verification.scrub.different},
                                   {"repaired", verification.scrub.repaired},
                                   {"unrepaired", verification.scrub.unrepaired}}},
                                 {"took_ms", static_cast<int64_t>(verification.seconds * 1000)},
                                 {"ok", VerdictOf(verification).ok()}};
  if (verification.acks) {
    const workload::AckVerdict& acks = *verification.acks;
    json["acked"] = acks.acked;
    json["present"] = acks.present;
    json["missing"] = acks.missing;
    json["partial_mtrs"] = acks.partial_mtrs;
  }
  return json;
}

}  // namespace hexad::cli
