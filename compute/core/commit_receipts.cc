#include "compute/core/commit_receipts.h"

#include <algorithm>

#include "quorum/base/check.h"

namespace hexad::compute {

void CommitReceipts::Ordered(Lsn commit, EpochId epoch, std::span<const Part> parts, Instant now) {
  INVARIANT(!parts.empty());
  Commit& entry = commits_.Push();
  entry.lsn = commit;
  entry.epoch = epoch;
  entry.at = now;
  entry.parts.assign(parts.begin(), parts.end());
}

void CommitReceipts::Acked(PgId pg, const NodeId& node, Lsn up_to, Instant now) {
  acks_.Push() = SegmentAck{pg, node, up_to, now};
}

void CommitReceipts::Durable(Lsn vdl, Instant now) { durable_.Push() = VdlAt{vdl, now}; }

// Of each segment the first ack that covers the part.
void CommitReceipts::AddAcks(const Commit& commit, const Part& part, CommitReceipt& receipt) const {
  const size_t before = receipt.acks.size();
  for (size_t i = 0; i < acks_.size(); ++i) {
    const SegmentAck& ack = acks_[i];
    if (ack.pg != part.pg || ack.up_to < part.last || ack.at < commit.at) continue;
    const bool known =
        std::any_of(receipt.acks.begin() + static_cast<ptrdiff_t>(before), receipt.acks.end(),
                    [&ack](const CommitReceipt::Ack& one) { return one.node == ack.node; });
    if (!known) receipt.acks.push_back({ack.pg, ack.node, ack.at - commit.at});
  }
}

std::optional<CommitReceipt> CommitReceipts::Find(Lsn commit) const {
  const Commit* found = nullptr;
  for (size_t i = 0; i < commits_.size(); ++i) {
    if (commits_[i].lsn == commit) found = &commits_[i];
  }
  if (found == nullptr) return std::nullopt;
  CommitReceipt receipt{found->lsn, found->epoch, std::nullopt, {}};
  for (size_t i = 0; i < durable_.size() && !receipt.durable_after.has_value(); ++i) {
    const VdlAt& durable = durable_[i];
    const bool covers = durable.vdl >= commit && durable.at >= found->at;
    if (covers) receipt.durable_after = durable.at - found->at;
  }
  for (const Part& part : found->parts) AddAcks(*found, part, receipt);
  std::stable_sort(receipt.acks.begin(), receipt.acks.end(),
                   [](const auto& a, const auto& b) { return a.after < b.after; });
  return receipt;
}

}  // namespace hexad::compute
