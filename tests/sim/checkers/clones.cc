#include "tests/sim/checkers/clones.h"

#include "absl/strings/str_cat.h"
#include "storage-node/core/segment_state.h"
#include "tests/sim/checkers/disk_model.h"

namespace hexad::sim {

void ClonesChecker::See(const Event& event) {
  reference_.See(event);
  if (const auto* persisted = std::get_if<BatchPersisted>(&event)) {
    for (const storage_node::StoreOp& op : persisted->batch->ops) {
      const auto* meta = std::get_if<storage_node::PutMeta>(&op);
      if (meta != nullptr) OnMeta(persisted->node, meta->key);
    }
  }
  // What a process finds as it starts is durable, too: its last life may not have seen that.
  if (const auto* started = std::get_if<NodeStarted>(&event);
      started != nullptr && started->disk != nullptr) {
    (void)started->disk->ScanMeta(
        "", [&](std::string_view key, std::string_view) { OnMeta(started->node, key); });
  }
  if (const auto* made = std::get_if<CloneMade>(&event)) On(*made);
  if (const auto* read = std::get_if<CloneRead>(&event)) On(*read);
}

void ClonesChecker::OnMeta(NodeIndex node, std::string_view key) {
  const auto name = storage_node::ParseMetaKey(key);
  if (!name.ok() || name->kind != storage_node::MetaKind::kPath || name->timeline == kVolume)
    return;
  kept_[{name->timeline, name->pg}].insert(NameOfNode(node));
}

// It begins at a commit of the parent, or at nothing.
void ClonesChecker::On(const CloneMade& made) {
  clones_[made.timeline] = made.forked_at;
  for (const quorum::Membership& pg : made.manifest->pgs) {
    quorum::MemberSet members;
    for (const NodeId& node : kept_[{made.timeline, pg.pg}]) {
      const auto index = pg.IndexOf(node);
      if (index.has_value()) members.Add(static_cast<int>(*index));
    }
    Expect(pg.Quorums().CanWrite(members), "a clone of ", made.forked_at.value(),
           " is made, and only ", members.size(), " disks have it in PG ", pg.pg.value());
  }
  if (made.forked_at.IsNone()) return;
  const MtrHistory::Mtr* mtr = reference_.history().Holding(made.forked_at);
  Expect(mtr != nullptr && mtr->commit == made.forked_at, "a clone begins at ",
         made.forked_at.value(), ", which is no commit");
  Expect(mtr == nullptr || mtr->fate != MtrHistory::Fate::kAnnulled, "a clone begins at ",
         made.forked_at.value(), ", which was annulled");
}

void ClonesChecker::On(const CloneRead& seen) {
  const PageAnswered& read = seen.read;
  Expect(clones_.contains(seen.timeline), "a clone is read that was never made");
  Expect(read.read_point == seen.forked_at, "a clone of ", seen.forked_at.value(),
         ", to which nobody writes, is read at ", read.read_point.value());
  Expect(read.page_lsn <= seen.forked_at, "page ", read.page.value(), " of a clone of ",
         seen.forked_at.value(), " has LSN ", read.page_lsn.value());
  const std::string& want = reference_.PageAt(read.page, seen.forked_at, *read.history);
  if (read.bytes == want) return;
  size_t at = 0;
  while (at < want.size() && at < read.bytes.size() && want[at] == read.bytes[at]) ++at;
  Fail(absl::StrCat("n", read.node + 1, " gave page ", read.page.value(), " of a clone of ",
                    seen.forked_at.value(), " with LSN ", read.page_lsn.value(),
                    "; it differs from its parent there from byte ", at, " on"));
}

}  // namespace hexad::sim
