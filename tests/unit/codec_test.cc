// The codec: what goes in comes out, the hand-written frames are the generated ones byte for byte,
// the log's bytes are shared and not copied, and no bytes from outside get past the checks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <iterator>

#include "proto/answer_codec.h"
#include "proto/frame_codec.h"
#include "proto/node_codec.h"
#include "proto/parts_codec.h"
#include "proto/read_codec.h"
#include "proto/request_codec.h"
#include "proto/scrub_codec.h"
#include "proto/wire.h"
#include "tests/unit/codec_generators.h"

namespace hexad::proto {
namespace {

using testing::AnyAnswer;
using testing::AnyBoxcars;
using testing::AnyBytes;
using testing::AnyEnvelope;
using testing::AnyLsn;
using testing::AnyPath;
using testing::AnyRefused;
using testing::AnyRequest;
using testing::AnyU64;
using testing::Below;
using ::testing::HasSubstr;

// The structs have no ==; two are the same if their messages are.
template <class Wire, class Message>
std::string BytesOf(const Message& message) {
  Wire wire;
  ToWire(message, &wire);
  return wire.SerializeAsString();
}

std::string Flat(const grpc::ByteBuffer& frame) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(frame.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::string FileBytes(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<quorum::SegmentRequest> AnyRequests() {
  std::vector<quorum::SegmentRequest> requests(static_cast<size_t>(Below(6)));
  for (auto& request : requests) request = AnyRequest();
  return requests;
}

RC_GTEST_PROP(WriterFrame, IsTheGeneratedEncodingByteForByte, ()) {
  const auto requests = AnyRequests();
  v1::WriterFrame generated;
  for (const auto& request : requests) ToWire(request, generated.add_requests());
  RC_ASSERT(Flat(EncodeWriterFrame(requests)) == generated.SerializeAsString());
}

RC_GTEST_PROP(WriterFrame, RoundTrip, ()) {
  const auto requests = AnyRequests();
  const auto decoded = DecodeWriterFrame(EncodeWriterFrame(requests));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded->size() == requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    RC_ASSERT((*decoded)[i].index() == requests[i].index());
    RC_ASSERT(BytesOf<v1::SegmentRequest>((*decoded)[i]) ==
              BytesOf<v1::SegmentRequest>(requests[i]));
  }
}

RC_GTEST_PROP(NodeFrame, RoundTripAndGeneratedEncoding, ()) {
  std::vector<quorum::SegmentAnswer> answers(static_cast<size_t>(Below(6)));
  v1::NodeFrame generated;
  for (auto& answer : answers) {
    answer = AnyAnswer();
    ToWire(answer, generated.add_answers());
  }
  const grpc::ByteBuffer frame = EncodeNodeFrame(answers);
  RC_ASSERT(Flat(frame) == generated.SerializeAsString());
  const auto decoded = DecodeNodeFrame(frame);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded->size() == answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    RC_ASSERT((*decoded)[i].index() == answers[i].index());
    RC_ASSERT(BytesOf<v1::SegmentAnswer>((*decoded)[i]) == BytesOf<v1::SegmentAnswer>(answers[i]));
  }
}

// Senders close their frames by it: eight times a full frame is refused at the other end.
RC_GTEST_PROP(Frames, RoughBytesAreNoLessThanAThird, ()) {
  const quorum::SegmentAnswer answer = AnyAnswer();
  RC_ASSERT(EncodeNodeFrame({&answer, 1}).Length() <= 3 * RoughBytes(answer));
  const quorum::SegmentRequest request = AnyRequest();
  RC_ASSERT(EncodeWriterFrame({&request, 1}).Length() <= 3 * RoughBytes(request));
}

// The hot log's limit counts boxcars: one that kept a frame of others alive would cost more.
TEST(WriterFrame, OnlyALargePartOfAFrameKeepsItInMemory) {
  const auto append = [](size_t bytes) {
    return quorum::Append{{}, Lsn(), Lsn(), BytesRef::Own(std::string(bytes, 'x'))};
  };
  const std::vector<quorum::SegmentRequest> requests = {append(200), append(60'000)};
  const std::string flat = Flat(EncodeWriterFrame(requests));
  const BytesRef frame = BytesRef::Own(flat);
  const auto decoded = DecodeWriterFrame(frame);
  ASSERT_TRUE(decoded.ok());
  const auto lies_in_frame = [&](size_t i) {
    const char* at = std::get<quorum::Append>((*decoded)[i]).boxcar.view().data();
    return at >= frame.view().data() && at < frame.view().data() + frame.size();
  };
  EXPECT_FALSE(lies_in_frame(0));
  EXPECT_TRUE(lies_in_frame(1)) << "and is not copied twice";
}

// What an older or newer encoder may legally write differently still means the same.
RC_GTEST_PROP(WriterFrame, FieldsInAnotherOrderGoToTheGeneratedParser, ()) {
  const quorum::Append append{AnyEnvelope(), AnyLsn(), AnyLsn(), AnyBytes()};
  v1::SegmentRequest wire;
  ToWire(quorum::SegmentRequest(append), &wire);
  std::string body;  // append first, then a field of the future, then the envelope
  for (const auto& [tag, part] : {std::pair(BytesTag(9), wire.append().SerializeAsString()),
                                  std::pair(BytesTag(99), std::string("later")),
                                  std::pair(BytesTag(1), wire.to().SerializeAsString())}) {
    AppendVarint(tag, body);
    AppendVarint(part.size(), body);
    body += part;
  }
  std::string frame;
  AppendVarint(BytesTag(7), frame);  // a frame's field of the future
  AppendVarint(0, frame);
  AppendVarint(BytesTag(1), frame);
  AppendVarint(body.size(), frame);
  const auto decoded = DecodeWriterFrame(BytesRef::Own(frame + body));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded->size() == 1u);
  RC_ASSERT(BytesOf<v1::SegmentRequest>(decoded->front()) == wire.SerializeAsString());
}

RC_GTEST_PROP(Read, RoundTrip, ()) {
  const quorum::ReadPage read{AnyEnvelope(), PageNo(testing::AnyU32()), AnyLsn(), AnyLsn(),
                              *rc::gen::arbitrary<bool>()};
  v1::ReadPageRequest wire;
  ToWire(read, &wire);
  RC_ASSERT(BytesOf<v1::ReadPageRequest>(FromWire(wire)) == wire.SerializeAsString());
  RC_ASSERT(FromWire(wire).complete_to == read.complete_to);

  const ReadAnswer answer =
      testing::AnyBool()
          ? ReadAnswer(quorum::PageRead{AnyLsn(), AnyLsn(), BytesRef::Own(std::string(8192, 'p'))})
          : ReadAnswer(AnyRefused({}));
  v1::ReadPageAnswer answer_wire;
  ToWire(answer, &answer_wire);
  const std::string bytes = answer_wire.SerializeAsString();
  const auto decoded = FromWire(std::move(answer_wire));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(BytesOf<v1::ReadPageAnswer>(*decoded) == bytes);
}

RC_GTEST_PROP(Gossip, RoundTrip, ()) {
  const quorum::GossipAsk ask{AnyEnvelope(), NodeId("n-3"), AnyLsn()};
  v1::GossipAsk wire;
  ToWire(ask, &wire);
  const auto decoded_ask = FromWire(wire);
  RC_ASSERT(decoded_ask.ok());
  RC_ASSERT(BytesOf<v1::GossipAsk>(*decoded_ask) == wire.SerializeAsString());

  const GossipAnswer answer =
      testing::AnyBool()
          ? GossipAnswer(quorum::GossipFill{AnyEnvelope(), AnyPath(), AnyLsn(), AnyLsn(),
                                            AnyBoxcars(), testing::AnyBool(), testing::AnyBool()})
          : GossipAnswer(AnyRefused(AnyEnvelope()));
  v1::GossipFill fill_wire;
  ToWire(answer, &fill_wire);
  const std::string bytes = fill_wire.SerializeAsString();
  const auto decoded = FromWire(std::move(fill_wire));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(BytesOf<v1::GossipFill>(*decoded) == bytes);
}

RC_GTEST_PROP(Scrub, RoundTrip, ()) {
  quorum::ScrubAsk ask{AnyEnvelope(), PageNo(7), 64, AnyLsn(), testing::AnyBool(), AnyLsn()};
  v1::ScrubAsk wire;
  ToWire(ask, &wire);
  RC_ASSERT(BytesOf<v1::ScrubAsk>(FromWire(wire)) == wire.SerializeAsString());

  using State = quorum::PageDigest::State;
  quorum::ScrubFill fill;
  fill.from = AnyEnvelope();
  for (const State state : {State::kWhole, State::kDamaged, State::kInheritedDamage}) {
    fill.digests.push_back({state, AnyLsn(), AnyU64()});
  }
  fill.coalesced = AnyLsn();
  fill.gc_floor = AnyLsn();
  fill.versions.push_back({AnyLsn(), testing::AnyBool(), BytesRef::Own(testing::AnyText())});
  const ScrubAnswer answer =
      testing::AnyBool() ? ScrubAnswer(fill) : ScrubAnswer(AnyRefused(AnyEnvelope()));
  v1::ScrubFill fill_wire;
  ToWire(answer, &fill_wire);
  const std::string bytes = fill_wire.SerializeAsString();
  const auto decoded = FromWire(std::move(fill_wire));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(BytesOf<v1::ScrubFill>(*decoded) == bytes);
}

TEST(Scrub, APageInNoKnownStateIsRefused) {
  for (const int state : {0, 4}) {
    v1::ScrubFill wire;
    wire.add_digests()->set_state(static_cast<v1::PageDigest::State>(state));
    EXPECT_EQ(FromWire(std::move(wire)).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

RC_GTEST_PROP(Registers, RoundTrip, ()) {
  quorum::RegisterState state{
      {AnyU64() >> 2, AnyU64()}, {AnyU64() >> 2, AnyU64()}, testing::AnyText()};
  if (state.accepted > state.promised) std::swap(state.accepted, state.promised);
  v1::RegisterState wire;
  ToWire(state, &wire);
  const auto decoded = FromWire(wire);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(*decoded == state);
}

// ---- sharing ------------------------------------------------------------------------------------

TEST(WriterFrameTest, ALargeBoxcarIsSharedByEveryStreamsFrame) {
  const BytesRef boxcar = BytesRef::Own(std::string(16 * 1024, 'x'));
  const std::vector<quorum::SegmentRequest> requests = {quorum::Append{{}, Lsn(1), Lsn(1), boxcar}};
  for (int stream = 0; stream < 6; ++stream) {
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(EncodeWriterFrame(requests).Dump(&slices).ok());
    ASSERT_EQ(slices.size(), 2u);
    EXPECT_EQ(static_cast<const void*>(slices[1].begin()), boxcar.view().data());
  }
}

TEST(WriterFrameTest, ADecodedBoxcarIsAViewIntoTheFrameAndKeepsItAlive) {
  const std::vector<quorum::SegmentRequest> requests = {
      quorum::Append{{}, Lsn(7), Lsn(6), BytesRef::Own(std::string(2000, 'x'))}};
  const std::string bytes = Flat(EncodeWriterFrame(requests));
  BytesRef kept;
  {
    const BytesRef frame = BytesRef::Own(bytes);
    const auto decoded = DecodeWriterFrame(frame);
    ASSERT_TRUE(decoded.ok());
    kept = std::get<quorum::Append>(decoded->front()).boxcar;
    EXPECT_GE(kept.view().data(), frame.view().data());
    EXPECT_LE(kept.view().data() + kept.size(), frame.view().data() + frame.size());
  }
  EXPECT_EQ(kept.view(), std::string(2000, 'x'));
}

TEST(WriterFrameTest, ABuilderStopsAtAFullFrameAndStartsOver) {
  WriterFrameBuilder builder;
  EXPECT_TRUE(builder.empty());
  const quorum::SegmentRequest big =
      quorum::Append{{}, Lsn(1), Lsn(1), BytesRef::Own(std::string(600 * 1024, 'x'))};
  builder.Add(big);
  EXPECT_FALSE(builder.full());
  builder.Add(big);
  EXPECT_TRUE(builder.full());
  EXPECT_EQ(DecodeWriterFrame(builder.Take())->size(), 2u);
  EXPECT_TRUE(builder.empty());
  builder.Add(quorum::Poll{});
  EXPECT_EQ(DecodeWriterFrame(builder.Take())->size(), 1u);
}

// A link counts the bytes of its boxcars only; with their envelopes they may make more than a full
// frame.
TEST(WriterFrameTest, EnvelopesMayMakeAFrameLargerThanFull) {
  const quorum::Envelope to{TimelineId(1), PgId(2), EpochId{3, 4}, MembershipEpoch(1)};
  const quorum::SegmentRequest small =
      quorum::Append{to, Lsn(1), Lsn(1), BytesRef::Own(std::string(300, 'x'))};
  const std::vector<quorum::SegmentRequest> many(kFullFrameBytes / 300, small);
  const auto decoded = DecodeWriterFrame(EncodeWriterFrame(many));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->size(), many.size());
}

// ---- bytes from outside -------------------------------------------------------------------------

std::string FrameOf(const v1::SegmentRequest& request) {
  v1::WriterFrame frame;
  *frame.add_requests() = request;
  return frame.SerializeAsString();
}

absl::Status RequestStatus(const v1::SegmentRequest& request) {
  return DecodeWriterFrame(BytesRef::Own(FrameOf(request))).status();
}

TEST(HostileTest, LengthsAndCountsAreCheckedBeforeAnythingIsKept) {
  v1::SegmentRequest request;
  EXPECT_THAT(RequestStatus(request).message(), HasSubstr("does not know"));
  request.mutable_append()->set_boxcar(std::string(quorum::kMaxBoxcarBytes + 1, 'x'));
  EXPECT_THAT(RequestStatus(request).message(), HasSubstr("boxcar of 1048577 bytes"));
  request.mutable_append()->set_boxcar(std::string(quorum::kMaxBoxcarBytes, 'x'));
  EXPECT_TRUE(RequestStatus(request).ok());
  request.mutable_refill()->add_boxcars(std::string(quorum::kMaxBoxcarBytes + 1, 'x'));
  EXPECT_FALSE(RequestStatus(request).ok());

  std::string many;
  for (size_t i = 0; i <= kMaxFrameEntries; ++i)
    many += std::string("\x0a\x02\x1a\x00", 4);  // Poll
  EXPECT_THAT(DecodeWriterFrame(BytesRef::Own(many)).status().message(), HasSubstr("entries"));
  many.resize(4 * kMaxFrameEntries);
  EXPECT_TRUE(DecodeWriterFrame(BytesRef::Own(many)).ok());
  const std::string huge(static_cast<size_t>(kMaxMessageBytes) + 1, '\0');
  EXPECT_FALSE(DecodeNodeFrame(BytesRef::Own(huge)).ok());
}

TEST(HostileTest, PartsThatBreakTheirOwnRulesAreRefused) {
  v1::SegmentRequest request;
  v1::CreateSegment* create = request.mutable_create_segment();
  ToWire(quorum::Membership{PgId(1), MembershipEpoch(1), 1, {{NodeId("n1"), AzId("a"), {}}}},
         create->mutable_membership());
  create->set_page_size(4096);
  create->set_page_count(1);
  ASSERT_TRUE(RequestStatus(request).ok());
  create->set_page_size(4097);
  EXPECT_FALSE(RequestStatus(request).ok());
  create->set_page_size(4096);
  create->set_page_count(0);
  EXPECT_FALSE(RequestStatus(request).ok());
  create->set_first_page(UINT32_MAX);
  create->set_page_count(1);
  EXPECT_TRUE(RequestStatus(request).ok());
  create->set_page_count(2);
  EXPECT_FALSE(RequestStatus(request).ok());
  create->set_page_count(1);
  create->mutable_membership()->mutable_members(0)->set_node("N1");
  EXPECT_FALSE(RequestStatus(request).ok());
  create->mutable_membership()->mutable_members(0)->set_node("n1");
  for (int i = 0; i < quorum::kMaxMembers; ++i) create->mutable_membership()->add_members();
  EXPECT_FALSE(RequestStatus(request).ok());

  request.mutable_take_inventory();
  EXPECT_THAT(RequestStatus(request).message(), HasSubstr("without a single epoch"));
  ToWire(quorum::PgPath::Root(TimelineId(1)), request.mutable_take_inventory()->mutable_parent());
  EXPECT_TRUE(RequestStatus(request).ok());
  request.mutable_take_inventory()->mutable_parent()->add_tails(1);
  EXPECT_FALSE(RequestStatus(request).ok());
}

TEST(HostileTest, InventoriesMustBeWhole) {
  v1::SegmentAnswer answer;
  v1::InventoryTaken* inventory = answer.mutable_inventory_taken();
  const auto status = [&] { return FromWire(v1::SegmentAnswer(answer)).status(); };
  inventory->add_lsn_steps(5);
  inventory->add_volume_prev_back(1);
  inventory->add_pg_prev_back(5);
  EXPECT_FALSE(status().ok());
  inventory->add_is_cpl(true);
  EXPECT_TRUE(status().ok());
  for (const uint64_t back : {uint64_t{0}, uint64_t{6}, UINT64_MAX}) {
    inventory->set_volume_prev_back(0, back);
    EXPECT_FALSE(status().ok()) << back;
  }
  inventory->set_volume_prev_back(0, 1);
  inventory->set_lsn_steps(0, 0);
  EXPECT_FALSE(status().ok());
  inventory->set_lsn_steps(0, UINT64_MAX);
  EXPECT_TRUE(status().ok());
  for (auto* column : {inventory->mutable_lsn_steps(), inventory->mutable_volume_prev_back(),
                       inventory->mutable_pg_prev_back()}) {
    column->Add(1);
  }
  inventory->add_is_cpl(false);
  EXPECT_FALSE(status().ok()) << "an LSN past the last one";
}

TEST(HostileTest, RostersRegistersAndRefusals) {
  google::protobuf::RepeatedPtrField<v1::RosterNode> roster;
  EXPECT_FALSE(RosterFromWire(roster).ok());
  ToWire(quorum::RosterNode{NodeId("n1"), AzId("a"), Incarnation(7)}, roster.Add());
  EXPECT_TRUE(RosterFromWire(roster).ok());
  ToWire(quorum::RosterNode{NodeId("n1"), AzId("b"), Incarnation(8)}, roster.Add());
  EXPECT_THAT(RosterFromWire(roster).status().message(), HasSubstr("twice"));
  roster.Mutable(1)->set_node("n2");
  EXPECT_TRUE(RosterFromWire(roster).ok());
  roster.Mutable(1)->set_incarnation(0);
  EXPECT_FALSE(RosterFromWire(roster).ok());

  EXPECT_TRUE(CheckRegisterKey("name/main").ok());
  EXPECT_FALSE(CheckRegisterKey("").ok());
  EXPECT_FALSE(CheckRegisterKey("name/a b").ok());
  EXPECT_FALSE(CheckRegisterKey(std::string(quorum::kMaxRegisterKeyBytes + 1, 'k')).ok());
  EXPECT_FALSE(CheckRegisterValue(std::string(quorum::kMaxRegisterValueBytes + 1, 'v')).ok());

  v1::SegmentAnswer answer;
  answer.mutable_refused()->set_reason(static_cast<v1::RefusalReason>(99));
  EXPECT_FALSE(FromWire(v1::SegmentAnswer(answer)).ok());
  answer.mutable_refused()->set_reason(v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_FALSE(FromWire(v1::SegmentAnswer(answer)).ok());
}

// Damaged frames: whatever comes out was checked, and nothing reads past the end (run it under
// ASan).
RC_GTEST_PROP(Hostile, DamagedFramesNeverCrash, ()) {
  std::string bytes = Flat(EncodeWriterFrame(AnyRequests()));
  v1::NodeFrame node_frame;
  ToWire(AnyAnswer(), node_frame.add_answers());
  for (std::string frame : {bytes, node_frame.SerializeAsString()}) {
    for (int damage = Below(4); damage >= 0 && !frame.empty(); --damage) {
      const auto at = static_cast<size_t>(AnyU64() % std::min<size_t>(frame.size(), 200));
      if (testing::AnyBool()) frame[at] = static_cast<char>(AnyU64());
      if (Below(4) == 0) frame.resize(at);
    }
    (void)DecodeWriterFrame(BytesRef::Own(frame));
    (void)DecodeNodeFrame(BytesRef::Own(frame));
  }
}

RC_GTEST_PROP(Hostile, RandomBytesNeverCrash, (const std::string& bytes)) {
  (void)DecodeWriterFrame(BytesRef::Own(bytes));
  (void)DecodeNodeFrame(BytesRef::Own(bytes));
}

// The fuzzers start from these: they must get past every check.
TEST(Codec, TheSeedsAreSound) {
  const auto requests =
      DecodeWriterFrame(BytesRef::Own(FileBytes("tests/fuzz/seeds/codec_create_timeline")));
  ASSERT_TRUE(requests.ok()) << requests.status();
  ASSERT_EQ(requests->size(), 1u);
  const auto& create = std::get<quorum::CreateTimeline>(requests->front());
  EXPECT_EQ(create.history.fork_tail(), Lsn(1990));
  EXPECT_EQ(create.manifest->retained_from, Lsn(2000));
  const auto answers = DecodeNodeFrame(BytesRef::Own(FileBytes("tests/fuzz/seeds/codec_begun")));
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), 2u);
  EXPECT_EQ(std::get<quorum::Begun>(answers->front()).retained_from, Lsn(2000));
}

}  // namespace
}  // namespace hexad::proto
