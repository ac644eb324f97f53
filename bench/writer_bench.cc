// What the volume writer itself costs, without wires: SubmitMtr, sealing, sends, acks, VDL. The
// host and six nodes share two cores with it, so its budget is a small part of a transaction's.
//
//   Depth1       each MTR is a boxcar of its own: six sends and six acks per MTR, the worst case
//   Batched/n    n MTRs arrive while one boxcar is in flight, so they share the next one
//   Pgs/n        MTRs round robin over n PGs, idle ones included in every scan that there is
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "quorum/base/check.h"
#include "quorum/volume_writer.h"

namespace hexad::quorum {
namespace {

constexpr TimelineId kTimeline{1};
constexpr EpochId kEpoch{1, 1};

class Bench {
 public:
  explicit Bench(uint32_t pgs) : writer_(WriterOptions{}, StartOf(pgs)) {
    for (const NodeId& node : nodes_) Step(NodeUp{node, Incarnation(1)});
    for (uint32_t pg = 0; pg < pgs; ++pg) {
      for (const NodeId& node : nodes_) {
        Step(NodeAnswered{node, Begun{EnvelopeOf(pg), Lsn(), GeometryEpoch(1)}});
      }
    }
  }

  // One record of 100 bytes.
  void Submit(uint32_t pg) {
    const PageChange change{PageNo(pg * kPagesPerPg), RecordKind::kDelta, Lsn(), payload_};
    Step(SubmitMtr{1, {&change, 1}, CommitTime(1)});
  }

  // Every segment of the PG acknowledges all that was sent to it.
  void AckAll(uint32_t pg) {
    const Lsn sent = sent_;
    for (const NodeId& node : nodes_) Step(NodeAnswered{node, Ack{EnvelopeOf(pg), sent}});
  }

  Lsn vdl() const { return writer_.vdl(); }
  Lsn last_issued() const { return writer_.last_issued(); }

 private:
  static constexpr uint32_t kPagesPerPg = 100;

  static WriterStart StartOf(uint32_t pgs) {
    WriterStart start;
    start.epoch = kEpoch;
    start.first_lsn = Lsn(2);
    start.manifest.timeline = kTimeline;
    start.manifest.name = "v";
    start.manifest.pages_per_pg = kPagesPerPg;
    for (uint32_t pg = 0; pg < pgs; ++pg) {
      Membership membership;
      membership.pg = MakePgId(kTimeline, pg);
      for (const NodeId& node : Nodes()) membership.members.push_back({node, AzId("a"), {}});
      start.manifest.pgs.push_back(membership);
      start.pg_paths.push_back(
          PgPath::Root(kTimeline).Fork(kEpoch, Lsn::None(), Lsn(2), Lsn::None()));
    }
    return start;
  }

  static std::vector<NodeId> Nodes() {
    std::vector<NodeId> nodes;
    for (int i = 1; i <= 6; ++i) nodes.push_back(NodeId("n" + std::to_string(i)));
    return nodes;
  }

  static Envelope EnvelopeOf(uint32_t pg) {
    return {kTimeline, MakePgId(kTimeline, pg), kEpoch, MembershipEpoch(1)};
  }

  // As a host does: effects into a reused vector, then the next deadline.
  void Step(const WriterInput& input) {
    effects_.clear();
    now_ = now_ + Duration::Micros(1);
    writer_.Step(input, now_, effects_);
    if (writer_.NextDeadline() <= now_) writer_.Step(WriterTick{}, now_, effects_);
    for (const WriterEffect& effect : effects_) {
      const auto* send = std::get_if<Send>(&effect);
      if (send == nullptr) continue;
      const auto* append = std::get_if<Append>(&send->request);
      if (append != nullptr && !append->boxcar.empty()) sent_ = writer_.last_issued();
    }
  }

  const std::vector<NodeId> nodes_ = Nodes();
  const std::string payload_ = std::string(100, 'x');
  VolumeWriter writer_;
  std::vector<WriterEffect> effects_;
  Instant now_{1};
  Lsn sent_;
};

void Depth1(benchmark::State& state) {
  Bench bench(1);
  for (auto _ : state) {
    bench.Submit(0);
    bench.AckAll(0);
  }
  INVARIANT(bench.vdl() == bench.last_issued());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Depth1);

void Batched(benchmark::State& state) {
  Bench bench(1);
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) bench.Submit(0);
    bench.AckAll(0);
  }
  bench.AckAll(0);
  INVARIANT(bench.vdl() == bench.last_issued());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Batched)->Arg(4)->Arg(16)->Arg(64);

void Pgs(benchmark::State& state) {
  const auto pgs = static_cast<uint32_t>(state.range(0));
  Bench bench(pgs);
  uint32_t pg = 0;
  for (auto _ : state) {
    bench.Submit(pg);
    bench.AckAll(pg);
    pg = (pg + 1) % pgs;
  }
  INVARIANT(bench.vdl() == bench.last_issued());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Pgs)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace hexad::quorum
