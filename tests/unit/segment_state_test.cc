// What a segment keeps beside its log: every value comes back as it was, and no shortened or
// lengthened one is taken for whole.
#include "storage-node/core/segment_state.h"

#include "gtest/gtest.h"

namespace hexad::storage_node {
namespace {

const TimelineId kTimeline{0xA};
const PgId kPg = quorum::MakePgId(kTimeline, 0);

quorum::Membership Members() {
  quorum::Membership members{kPg, MembershipEpoch(3), 4, {}};
  for (int i = 0; i < 6; ++i) {
    members.members.push_back(
        {NodeId("n" + std::to_string(i)), AzId(std::string(1, 'a' + i / 2)), Incarnation(70 + i)});
  }
  return members;
}

quorum::PgPath History() {
  return quorum::PgPath::Root(kTimeline)
      .Fork(EpochId{1, 5}, Lsn(), Lsn(1), Lsn())
      .Fork(EpochId{2, 6}, Lsn(900), Lsn(1901), Lsn(890));
}

// Encodes, decodes, compares; then every prefix, and one byte too many, must be DATA_LOSS.
template <class T, class Decode>
void RoundTrip(const T& value, Decode decode) {
  const std::string bytes = Encode(value);
  const auto back = decode(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(*back == value);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_TRUE(absl::IsDataLoss(decode(bytes.substr(0, length)).status())) << length;
  }
  EXPECT_FALSE(decode(bytes + "x").ok());
  std::string newer = bytes;
  ++newer[0];
  EXPECT_TRUE(absl::IsDataLoss(decode(newer).status())) << "a newer format is refused by name";
}

TEST(SegmentState, ComesBackWholeOrNotAtAll) {
  RoundTrip(SegmentConfig{Members(), 8192, PageNo(64), 32}, DecodeConfig);
  RoundTrip(EpochId{7, 0xFEED}, DecodePromise);
  RoundTrip(History(), DecodePath);
  RoundTrip(CoalescedMark{Lsn(9), Lsn(4), {{Lsn(3), PageNo(2)}, {Lsn(8), PageNo(0)}}, 17, Lsn(9)},
            DecodeCoalesced);
  const CoalescedMark above_vdl{Lsn(9), Lsn(4), {}, 17, Lsn(8)};
  EXPECT_TRUE(absl::IsDataLoss(DecodeCoalesced(Encode(above_vdl)).status()));
  RoundTrip(NodeIdentity{ClusterId(5), {{NodeId("n1"), AzId("a"), Incarnation(9)}}},
            DecodeIdentity);
}

TEST(SegmentState, RegisterAndManifest) {
  const quorum::RegisterState state{{3, 4}, {2, 1}, "value"};
  const auto back = DecodeRegister(Encode(state));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->promised, state.promised);
  EXPECT_EQ(back->accepted, state.accepted);
  EXPECT_EQ(back->value, state.value);
  quorum::Manifest manifest;
  manifest.timeline = kTimeline;
  manifest.name = "volume";
  manifest.page_size = 4096;
  manifest.pages_per_pg = 16;
  manifest.geometry_epoch = GeometryEpoch(2);
  manifest.retention = {1234, 5678};
  manifest.retained_from = Lsn(77);
  manifest.written_in = EpochId{1, 5};
  manifest.pgs = {Members()};
  const std::string bytes = Encode(manifest);
  const auto read = DecodeManifest(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == manifest);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeManifest(bytes.substr(0, length)).ok()) << length;
  }
}

// A count that lies allocates nothing and is refused.
TEST(SegmentState, ALyingCountIsRefused) {
  std::string bytes = Encode(CoalescedMark{Lsn(9), Lsn(4), {}, 0, Lsn(9)});
  for (size_t i = bytes.size() - 4; i < bytes.size(); ++i) bytes[i] = '\xFF';
  EXPECT_TRUE(absl::IsDataLoss(DecodeCoalesced(bytes).status()));
}

TEST(SegmentState, KeysNameWhatTheyHold) {
  const auto kind = [](const std::string& key) { return ParseMetaKey(key)->kind; };
  EXPECT_EQ(kind(ConfigKey(kPg)), MetaKind::kConfig);
  EXPECT_EQ(kind(PromiseKey(kPg, kTimeline)), MetaKind::kPromise);
  EXPECT_EQ(kind(PathKey(kPg, kTimeline)), MetaKind::kPath);
  EXPECT_EQ(kind(ManifestKey(kPg, kTimeline)), MetaKind::kManifest);
  EXPECT_EQ(kind(CoalescedKey(kPg, kTimeline)), MetaKind::kCoalesced);
  EXPECT_EQ(kind(RegisterKey("volume/a")), MetaKind::kRegister);
  EXPECT_EQ(ParseMetaKey(RegisterKey("volume/a"))->register_key, "volume/a");
  EXPECT_EQ(ParseMetaKey(PathKey(kPg, kTimeline))->timeline, kTimeline);
  EXPECT_EQ(ParseMetaKey(PathKey(kPg, kTimeline))->pg, kPg);
  for (const char* wrong : {"", "pg/", "pg/12/config", "q/1", "n/other"}) {
    EXPECT_FALSE(ParseMetaKey(wrong).ok()) << wrong;
  }
  EXPECT_FALSE(ParseMetaKey(PathKey(kPg, kTimeline) + "s").ok());
}

}  // namespace
}  // namespace hexad::storage_node
