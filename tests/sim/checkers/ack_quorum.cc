#include "tests/sim/checkers/ack_quorum.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void AckQuorumChecker::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    mtrs_.emplace(issued->commit, Mtr{issued->epoch, issued->first});
  } else if (const auto* replied = std::get_if<SegmentReplied>(&event)) {
    OnAnswer(*replied);
  } else if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    OnVdl(*moved);
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    OnOpened(*opened->start);
  }
}

void AckQuorumChecker::OnAnswer(const SegmentReplied& replied) {
  std::visit(
      [&](const auto& answer) {
        Lsn scl;
        if constexpr (requires { answer.inventory; }) {
          scl = answer.inventory.scl;
        } else if constexpr (requires { answer.before; }) {
          return;  // cut at the VDL that was asked about, which another PG's record may be
        } else if constexpr (requires { answer.scl; }) {
          scl = answer.scl;
        }
        if (scl.IsNone() || disks_->Wrote(replied.node, answer.from.pg, scl)) return;
        Fail(absl::StrCat("n", replied.node + 1, " tells SCL ", scl.value(), " of PG ",
                          answer.from.pg.value(), " in epoch ", answer.from.epoch.number,
                          " and has not fsynced that record"));
      },
      *replied.answer);
}

void AckQuorumChecker::OnVdl(const VdlMoved& moved) {
  const auto start = starts_.find(moved.epoch);
  if (start != starts_.end() && start->second == moved.vdl) return;
  const auto last = mtrs_.find(moved.vdl);
  Expect(last != mtrs_.end() && last->second.epoch == moved.epoch, "VDL ", moved.vdl.value(),
         " of epoch ", moved.epoch.number, " is not the end of an MTR of it");
  Lsn& told = told_[moved.epoch];
  Expect(moved.vdl >= told, "the VDL of epoch ", moved.epoch.number, " falls from ", told.value(),
         " to ", moved.vdl.value());
  for (auto mtr = mtrs_.upper_bound(told); mtr != mtrs_.end() && mtr->first <= moved.vdl; ++mtr) {
    if (mtr->second.epoch == moved.epoch) ExpectDurable(mtr->first, mtr->second, "the writer");
  }
  told = moved.vdl;
}

void AckQuorumChecker::OnOpened(const quorum::WriterStart& start) {
  starts_[start.epoch] = start.vdl;
  for (auto& [commit, mtr] : mtrs_) {
    if (commit >= start.first_lsn) break;
    if (Keeps(start.pg_paths.front(), commit)) ExpectDurable(commit, mtr, "an opening");
  }
}

void AckQuorumChecker::ExpectDurable(Lsn commit, Mtr& mtr, const char* says) {
  if (mtr.checked) return;
  mtr.checked = true;
  const SeenBoxcar* last = nullptr;
  for (Lsn lsn = mtr.first; lsn <= commit; lsn = lsn.Next()) {
    const SeenBoxcar* boxcar = disks_->Holding(lsn);
    if (boxcar != nullptr && boxcar == last) continue;
    last = boxcar;
    const bool durable = boxcar != nullptr && disks_->IsWriteQuorum(boxcar->pg, boxcar->written);
    Expect(durable, says, " calls LSN ", commit.value(), " durable, and LSN ", lsn.value(),
           " was fsynced on ", boxcar == nullptr ? 0 : std::popcount(boxcar->written),
           " nodes: no write quorum");
    if (!durable) return;
  }
}

}  // namespace hexad::sim
