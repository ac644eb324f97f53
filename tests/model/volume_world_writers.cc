// The world's writers: opening, writing, growing, dying.
#include <algorithm>

#include "tests/model/volume_world_parts.h"

namespace hexad::model {

using backtrack::Opened;
using quorum::PageChange;

void VolumeWorld::StartWriter() {
  auto writer = std::make_unique<Writer>();
  writer->id = next_claimant_++;
  backtrack::OpeningOptions options;
  options.named = named_;
  options.claimant = writer->id;
  options.seed = prng_.Next();
  options.lal = options_.lal;
  writer->opening = std::make_unique<backtrack::Opening>(options);
  writers_.push_back(std::move(writer));
  StepOpening(*writers_.back(), backtrack::OpeningStart{});
}

void VolumeWorld::StopWriter(size_t index) {
  writers_.erase(writers_.begin() + static_cast<std::ptrdiff_t>(index));
}

void VolumeWorld::Connect(Writer& writer, Node& node) {
  writer.streams[node.index].conn = storage_node::ConnId(next_conn_++);
  const quorum::NodeUp up{node.id, node.incarnation};
  if (writer.writer != nullptr) {
    StepWriter(writer, up);
  } else {
    StepOpening(writer, up);
  }
}

void VolumeWorld::Disconnect(Writer& writer, Node& node) {
  if (writer.streams.erase(node.index) == 0) return;
  const quorum::NodeDown down{node.id};
  if (writer.writer != nullptr) {
    StepWriter(writer, down);
  } else {
    StepOpening(writer, down);
  }
}

void VolumeWorld::SendTo(Writer& writer, const quorum::Send& send) {
  for (auto& node : nodes_) {
    if (node->id != send.node) continue;
    const auto stream = writer.streams.find(node->index);
    if (stream != writer.streams.end()) stream->second.out.push_back(send.request);
  }
}

void VolumeWorld::DeliverToNode(Writer& writer, Node& node) {
  auto& stream = writer.streams[node.index];
  auto request = std::move(stream.out.front());
  stream.out.pop_front();
  StepNode(node, storage_node::RequestReceived{stream.conn, std::move(request)});
}

void VolumeWorld::DeliverToWriter(Writer& writer, Node& node) {
  auto& stream = writer.streams[node.index];
  quorum::NodeAnswered answered{node.id, std::move(stream.in.front())};
  stream.in.pop_front();
  if (writer.writer != nullptr) {
    StepWriter(writer, answered);
  } else {
    StepOpening(writer, answered);
  }
}

void VolumeWorld::StepOpening(Writer& writer, const backtrack::OpeningInput& in) {
  std::vector<backtrack::OpeningEffect> effects;
  writer.opening->Step(in, now_, effects);
  writer.opening->CheckInvariants();
  if (std::holds_alternative<backtrack::OpeningTick>(in)) {
    Check(writer.opening->NextDeadline() > now_, "an opening's deadline stands still");
  }
  for (auto& effect : effects) {
    if (auto* send = std::get_if<quorum::Send>(&effect)) {
      SendTo(writer, *send);
    } else if (auto* opened = std::get_if<Opened>(&effect)) {
      OnOpened(writer, std::move(*opened));
    } else if (auto* failed = std::get_if<backtrack::OpeningFailed>(&effect)) {
      Check(false, "opening failed: " + failed->status.ToString());
    }
  }
}

void VolumeWorld::OnOpened(Writer& writer, Opened opened) {
  ++outcome_.openings;
  CheckOpening(writer, opened);
  writer.epoch = opened.start.epoch;
  quorum::WriterOptions options;
  options.lal = options_.lal;
  options.boxcar_target_bytes = 600;
  options.in_flight_limit_bytes = 4000;
  options.retain_bytes = 3000;
  options.member_queue_limit_bytes = 2500;
  options.resend_after = Duration::Millis(30);
  writer.writer = std::make_unique<quorum::VolumeWriter>(options, opened.start);
  writer.opening.reset();
  for (auto& node : nodes_) {
    if (writer.streams.contains(node->index)) {
      StepWriter(writer, quorum::NodeUp{node->id, node->incarnation});
    }
  }
}

void VolumeWorld::StepWriter(Writer& writer, const quorum::WriterInput& in) {
  std::vector<quorum::WriterEffect> effects;
  writer.writer->Step(in, now_, effects);
  writer.writer->CheckInvariants();
  for (auto& effect : effects) {
    if (auto* send = std::get_if<quorum::Send>(&effect)) {
      SendTo(writer, *send);
    } else if (auto* issued = std::get_if<quorum::MtrIssued>(&effect)) {
      Mtr& mtr = mtrs_[issued->tag];
      mtr.commit_lsn = issued->commit_lsn;
      writer.waiting[issued->commit_lsn] = issued->tag;
      Lsn lsn = issued->first_lsn;
      for (const PageNo page : mtr.pages) {
        writer.page_lsn[page] = lsn;
        lsn = lsn.Next();
      }
    } else if (auto* blocked = std::get_if<quorum::MtrBlocked>(&effect)) {
      mtrs_.erase(blocked->tag);
      if (blocked->why == quorum::MtrBlocked::Why::kNeedsGrowth && !writer.growing) {
        writer.growing = true;
        const auto index = static_cast<uint32_t>(writer.writer->manifest().pgs.size());
        const PgId pg = quorum::MakePgId(named_.timeline, index);
        auto members = quorum::PlaceSegments(pg.value(), roster_, 6);
        StepWriter(writer, quorum::Grow{{pg, MembershipEpoch(1), 4, *members}});
        return;
      }
    } else if (auto* moved = std::get_if<quorum::VdlMoved>(&effect)) {
      durable_claim_ = std::max(durable_claim_, moved->vdl);
      while (!writer.waiting.empty() && writer.waiting.begin()->first <= moved->vdl) {
        mtrs_[writer.waiting.begin()->second].acked = true;
        ++outcome_.mtrs_acked;
        writer.waiting.erase(writer.waiting.begin());
      }
      Trace(moved->vdl.value());
    } else if (std::holds_alternative<quorum::Grown>(effect)) {
      writer.growing = false;
      ++outcome_.grown;
    } else if (std::holds_alternative<quorum::Fenced>(effect)) {
      writer.fenced = true;
      ++outcome_.fenced;
    }
  }
}

// An MTR of one to three pages, the MTR's number into a slot of each. Its pages' last LSNs come
// from this writer's own changes, or else from storage, read at the VDL it was opened at.
void VolumeWorld::Submit(Writer& writer) {
  const uint64_t id = next_mtr_++;
  Mtr mtr;
  mtr.id = id;
  const uint64_t pages = 1 + prng_.Below(3);
  for (uint64_t i = 0; i < pages; ++i) {
    const PageNo page(static_cast<uint32_t>(prng_.Below(3 * options_.pages_per_pg)));
    if (std::find(mtr.pages.begin(), mtr.pages.end(), page) == mtr.pages.end()) {
      mtr.pages.push_back(page);
    }
  }
  std::string payload;
  std::string number(8, '\0');
  StoreLe(number.data(), id);
  quorum::AppendDeltaRange(static_cast<uint32_t>(8 * prng_.Below(100)), "padding!", payload);
  quorum::AppendDeltaRange(4000, number, payload);
  std::vector<PageChange> changes;
  for (const PageNo page : mtr.pages) {
    changes.push_back({page, quorum::RecordKind::kDelta, writer.page_lsn[page], payload});
  }
  mtrs_[id] = mtr;
  StepWriter(writer, quorum::SubmitMtr{id, changes, CommitTime(static_cast<int64_t>(id))});
}

}  // namespace hexad::model
