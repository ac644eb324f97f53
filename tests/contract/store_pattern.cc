#include "tests/contract/store_pattern.h"

#include "quorum/base/prng.h"

namespace hexad::storage_node {
namespace {

constexpr char kProgressKey[] = "progress";

std::string Bytes(Prng& prng, size_t size) {
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size; at += 8) {
    const uint64_t word = prng.Next();
    bytes.replace(at, std::min<size_t>(8, size - at), reinterpret_cast<const char*>(&word),
                  std::min<size_t>(8, size - at));
  }
  return bytes;
}

}  // namespace

Universe PatternUniverse() {
  return Universe{
      {PgId(7), PgId(8)}, {TimelineId(1), TimelineId(2)}, {PageNo(0), PageNo(1), PageNo(2)}};
}

PatternWrite MakeWrite(uint64_t seed, uint64_t n, size_t bytes) {
  Prng prng(Mix64(seed) ^ n);
  const Universe universe = PatternUniverse();
  const PgId pg = universe.pgs[prng.Below(universe.pgs.size())];
  const TimelineId timeline = universe.timelines[prng.Below(universe.timelines.size())];
  const PageNo page = universe.pages[prng.Below(universe.pages.size())];
  const Lsn lsn(n);

  PatternWrite write;
  auto& ops = write.batch.ops;
  ops.push_back(PutBoxcar{pg, timeline, lsn, BytesRef::Own(Bytes(prng, 1 + prng.Below(bytes)))});
  const VersionKind kind = prng.OneIn(3) ? VersionKind::kImage : VersionKind::kRun;
  ops.push_back(PutVersion{pg, page, timeline, lsn, kind, Bytes(prng, 1 + prng.Below(bytes))});
  if (prng.OneIn(4) && n > 40) ops.push_back(DropLog{pg, timeline, Lsn(n - prng.Below(40))});
  if (prng.OneIn(4) && n > 40) {
    ops.push_back(DropVersion{pg, page, timeline, Lsn(n - prng.Below(40))});
  }
  if (prng.OneIn(5)) ops.push_back(PutMeta{SegmentMetaPrefix(pg) + "scl", std::to_string(n)});
  if (prng.OneIn(400)) ops.push_back(DropSegment{pg});
  if (prng.OneIn(400)) ops.push_back(DropTimeline{pg, timeline});
  ops.push_back(PutMeta{kProgressKey, std::to_string(n)});
  write.durability = prng.OneIn(3) ? Durability::kOrdered : Durability::kSynced;
  return write;
}

uint64_t ProgressOf(const StoreModel& all) {
  const auto it = all.meta.find(kProgressKey);
  return it == all.meta.end() ? 0 : std::stoull(it->second);
}

StoreModel ModelAfter(uint64_t seed, uint64_t n, size_t bytes) {
  StoreModel model;
  for (uint64_t i = 1; i <= n; ++i) model.Apply(MakeWrite(seed, i, bytes).batch);
  return model;
}

}  // namespace hexad::storage_node
