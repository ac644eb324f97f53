// Random messages for the codec's tests: every kind of request and answer, all of them legal.
#pragma once

#include <rapidcheck.h>

#include <string>
#include <utility>
#include <vector>

#include "quorum/messages.h"
#include "quorum/register.h"

namespace hexad::proto::testing {

// Zero, small and huge numbers in equal shares: varints change their length, defaults are left out.
inline uint64_t AnyU64() {
  const auto bits = *rc::gen::inRange(0, 65);
  const auto raw = *rc::gen::arbitrary<uint64_t>();
  return bits == 0 ? 0 : raw >> (64 - bits);
}
inline uint32_t AnyU32() { return static_cast<uint32_t>(AnyU64()); }
inline Lsn AnyLsn() { return Lsn(AnyU64()); }
inline bool AnyBool() { return *rc::gen::arbitrary<bool>(); }
inline int Below(int limit) { return *rc::gen::inRange(0, limit); }

inline std::string AnyText() { return *rc::gen::string<std::string>(); }

inline BytesRef AnyBytes() {
  // Around the sizes where the frame's encoder copies, shares, or has nothing to send.
  static constexpr int kSizes[] = {0, 1, 100, 1023, 1024, 1025, 4096, 70000};
  std::string bytes(static_cast<size_t>(kSizes[Below(std::size(kSizes))]), '\0');
  uint64_t mix = AnyU64();
  for (char& c : bytes) c = static_cast<char>((mix = mix * 6364136223846793005u + 1) >> 56);
  return bytes.empty() ? BytesRef() : BytesRef::Own(std::move(bytes));
}

inline std::vector<BytesRef> AnyBoxcars() {
  std::vector<BytesRef> boxcars(static_cast<size_t>(Below(4)));
  for (BytesRef& boxcar : boxcars) boxcar = AnyBytes();
  return boxcars;
}

inline EpochId AnyEpoch() { return EpochId{AnyU32(), AnyU64()}; }

inline quorum::Envelope AnyEnvelope() {
  return {TimelineId(AnyU64()), PgId(AnyU64()), AnyEpoch(), MembershipEpoch(AnyU32())};
}

inline quorum::Membership AnyMembership(uint64_t pg) {
  quorum::Membership membership;
  membership.pg = PgId(pg);
  membership.epoch = MembershipEpoch(AnyU32() | 1);
  const int members = 1 + Below(quorum::kMaxMembers);
  membership.write = static_cast<uint32_t>(members / 2 + 1);
  for (int i = 0; i < members; ++i) {
    membership.members.push_back({NodeId("n" + std::to_string(i)),
                                  AzId("az-" + std::to_string(Below(3))), Incarnation(AnyU64())});
  }
  return membership;
}

inline quorum::Manifest AnyManifest() {
  quorum::Manifest manifest;
  manifest.timeline = TimelineId(AnyU64());
  manifest.name = "volume-" + std::to_string(Below(100));
  manifest.page_size = 4096u << Below(5);
  manifest.pages_per_pg = static_cast<uint32_t>(1 + Below(1 << 20));
  manifest.geometry_epoch = GeometryEpoch(AnyU32() | 1);
  manifest.retention = {static_cast<int64_t>(AnyU32()), AnyU64()};
  manifest.retained_from = AnyLsn();
  for (uint64_t i = Below(4); i > 0; --i) {
    const Lsn last = manifest.marks.empty() ? Lsn::None() : manifest.marks.back().lsn;
    manifest.marks.push_back({Lsn(last.value() + 1 + Below(1000)), CommitTime(AnyU32()), AnyU64()});
  }
  manifest.written_in = EpochId{AnyU32(), AnyU64()};
  const int pgs = 1 + Below(3);
  for (int i = 0; i < pgs; ++i) manifest.pgs.push_back(AnyMembership(static_cast<uint64_t>(i)));
  return manifest;
}

// A history of up to five tenures, each forked somewhere in the one before it.
inline quorum::PgPath AnyPath() {
  quorum::PgPath path = quorum::PgPath::Root(TimelineId(AnyU64()));
  const int forks = Below(5);
  Lsn next(1);
  for (int i = 0; i < forks; ++i) {
    const Lsn first = path.path.newest().first_lsn;
    const Lsn wrote = first.Plus(static_cast<uint64_t>(Below(1000)));
    const Lsn fork = i == 0 ? Lsn::None() : wrote;
    next = std::max(next, wrote).Plus(static_cast<uint64_t>(1 + Below(100000)));
    const auto tail = AnyBool() && i > 0 ? fork : path.fork_tail();
    path = path.Fork(EpochId{static_cast<uint32_t>(i + 1), AnyU64()}, fork, next, tail);
  }
  return path;
}

// The root of a clone of such a history.
inline quorum::PgPath AnyClone() {
  const quorum::PgPath path = AnyPath();
  return *path.TryClone(TimelineId(path.path.timeline().value() + 1),
                        {path.path.fork_lsn(), path.fork_tail()});
}

inline quorum::SegmentRequest AnyRequest() {
  const quorum::Envelope to = AnyEnvelope();
  switch (Below(11)) {
    case 0:
      return quorum::CreateSegment{to, AnyMembership(AnyU64()), 4096u << Below(5),
                                   PageNo(static_cast<uint32_t>(Below(1 << 30))),
                                   static_cast<uint32_t>(1 + Below(1 << 30))};
    case 1:
      return quorum::Poll{to, AnyU64()};
    case 2:
      return quorum::Seal{to};
    case 3:
      return quorum::TakeInventory{to, AnyPath(),
                                   AnyBool() ? std::optional(AnyEpoch()) : std::nullopt};
    case 4:
      return quorum::FetchLog{to, AnyPath(), AnyLsn(), AnyLsn()};
    case 5:
      return quorum::Refill{to, AnyPath(), AnyBoxcars()};
    case 7: {
      quorum::FindCommit find{to, AnyPath(), AnyLsn(), AnyLsn()};
      if (AnyBool()) find.target = CommitTime(static_cast<int64_t>(AnyU64()));
      return find;
    }
    case 8:
      return quorum::CreateTimeline{to, AnyClone(),
                                    AnyBool() ? std::optional(AnyManifest()) : std::nullopt};
    case 6:
      return quorum::Begin{to, AnyPath(), AnyBool() ? std::optional(AnyManifest()) : std::nullopt};
    default:
      return quorum::Append{to, AnyLsn(), AnyLsn(), AnyBytes()};
  }
}

inline quorum::SegmentInventory AnyInventory() {
  quorum::SegmentInventory inventory{AnyLsn(), AnyLsn(), AnyLsn(), {}};
  const int records = Below(20);
  Lsn lsn(AnyU64() >> 1);
  for (int i = 0; i < records; ++i) {
    lsn = lsn.Plus(static_cast<uint64_t>(1 + Below(1000)));
    inventory.records.push_back({lsn, Lsn(AnyU64() % lsn.value()), lsn.Prev(), AnyBool()});
  }
  return inventory;
}

inline quorum::Refused AnyRefused(const quorum::Envelope& from) {
  constexpr int kReasons = static_cast<int>(quorum::RefusalReason::kOverloaded);
  return {from, static_cast<quorum::RefusalReason>(1 + Below(kReasons)), AnyEpoch(),
          MembershipEpoch(AnyU32()), "said " + std::to_string(AnyU32())};
}

inline quorum::SegmentAnswer AnyAnswer() {
  const quorum::Envelope from = AnyEnvelope();
  const auto path = [] { return AnyBool() ? AnyPath() : quorum::PgPath{}; };
  const auto manifest = [] { return AnyBool() ? std::optional(AnyManifest()) : std::nullopt; };
  switch (Below(10)) {
    case 0:
      return quorum::Created{from};
    case 1:
      return quorum::Polled{from,
                            path(),
                            AnyLsn(),
                            AnyLsn(),
                            static_cast<int64_t>(AnyU64() >> 1) - (AnyBool() ? 1 : 0),
                            manifest(),
                            AnyU64(),
                            AnyBool()};
    case 2:
      return quorum::Promised{from, path(), manifest(), AnyEpoch()};
    case 3:
      return quorum::InventoryTaken{from, AnyInventory(), AnyEpoch()};
    case 4:
      return quorum::LogPart{from, AnyBoxcars(), AnyBool()};
    case 5:
      return quorum::Refilled{from, AnyLsn(), AnyEpoch()};
    case 6:
      return quorum::Begun{from, AnyLsn(), GeometryEpoch(AnyU32()), AnyLsn()};
    case 7:
      return AnyRefused(from);
    case 8: {
      const auto point = [] {
        return AnyBool() ? std::optional(quorum::CommitPoint{
                               AnyLsn(), CommitTime(static_cast<int64_t>(AnyU64()))})
                         : std::nullopt;
      };
      std::variant<Lsn, CommitTime> target = AnyLsn();
      if (AnyBool()) target = CommitTime(static_cast<int64_t>(AnyU64()));
      return quorum::CommitFound{from, target, AnyLsn(), point(), point(), AnyLsn(), AnyEpoch()};
    }
    default:
      return quorum::Ack{from, AnyLsn()};
  }
}

}  // namespace hexad::proto::testing
