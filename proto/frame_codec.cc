#include "proto/frame_codec.h"

#include <grpcpp/support/slice.h>

#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/answer_codec.h"
#include "proto/parts_codec.h"
#include "proto/request_codec.h"
#include "proto/segment.pb.h"
#include "proto/wire.h"
#include "quorum/base/check.h"

namespace hexad::proto {
namespace {

using quorum::Append;
using quorum::Envelope;
using quorum::SegmentAnswer;
using quorum::SegmentRequest;

// Field numbers of segment.proto, for the messages that are written by hand.
constexpr uint32_t kFrameEntry = BytesTag(1);  // WriterFrame.requests, NodeFrame.answers
constexpr uint32_t kRequestTo = BytesTag(v1::SegmentRequest::kToFieldNumber);
constexpr uint32_t kRequestAppend = BytesTag(v1::SegmentRequest::kAppendFieldNumber);
constexpr uint32_t kEnvelopeTimeline = Fixed64Tag(v1::Envelope::kTimelineFieldNumber);
constexpr uint32_t kEnvelopePg = Fixed64Tag(v1::Envelope::kPgFieldNumber);
constexpr uint32_t kEnvelopeEpoch = BytesTag(v1::Envelope::kEpochFieldNumber);
constexpr uint32_t kEnvelopeMembership = VarintTag(v1::Envelope::kMembershipEpochFieldNumber);
constexpr uint32_t kEpochNumber = VarintTag(v1::EpochId::kNumberFieldNumber);
constexpr uint32_t kEpochClaimant = Fixed64Tag(v1::EpochId::kClaimantFieldNumber);
constexpr uint32_t kAppendVdl = VarintTag(v1::Append::kVdlFieldNumber);
constexpr uint32_t kAppendPgmrpl = VarintTag(v1::Append::kPgmrplFieldNumber);
constexpr uint32_t kAppendBoxcar = BytesTag(v1::Append::kBoxcarFieldNumber);
static_assert(kFrameEntry == BytesTag(v1::WriterFrame::kRequestsFieldNumber));
static_assert(kFrameEntry == BytesTag(v1::NodeFrame::kAnswersFieldNumber));

// A boxcar up to this size costs less to copy than to send as a slice of its own.
constexpr size_t kCopiedBoxcarBytes = 1024;

// A slice that shares the boxcar's bytes and keeps them alive until gRPC has sent them.
grpc::Slice Share(const BytesRef& bytes) {
  auto* owner = new BytesRef(bytes);
  return grpc::Slice(
      const_cast<char*>(bytes.view().data()), bytes.size(),
      [](void* ref) { delete static_cast<BytesRef*>(ref); }, owner);
}

// One run of bytes of our own. Boxcars are kept for long (the hot log), so they must not pin gRPC's
// receive buffers, which are larger than what lies in them and count against its memory quota.
BytesRef Flatten(const grpc::ByteBuffer& frame) {
  std::vector<grpc::Slice> slices;
  if (!frame.Valid() || !frame.Dump(&slices).ok()) return {};
  const size_t size = frame.Length();
  std::shared_ptr<char[]> bytes(new char[size]);
  size_t at = 0;
  for (const grpc::Slice& slice : slices) {
    std::memcpy(bytes.get() + at, slice.begin(), slice.size());
    at += slice.size();
  }
  INVARIANT(at == size);
  std::string_view view(bytes.get(), size);
  return BytesRef(std::move(bytes), view);
}

void AppendEnvelope(const Envelope& to, std::string& out) {
  const size_t epoch_size = VarintFieldSize(kEpochNumber, to.epoch.number) +
                            Fixed64FieldSize(kEpochClaimant, to.epoch.claimant);
  const size_t size = Fixed64FieldSize(kEnvelopeTimeline, to.timeline.value()) +
                      Fixed64FieldSize(kEnvelopePg, to.pg.value()) + VarintSize(kEnvelopeEpoch) +
                      VarintSize(epoch_size) + epoch_size +
                      VarintFieldSize(kEnvelopeMembership, to.membership_epoch.value());
  AppendVarint(size, out);
  AppendFixed64Field(kEnvelopeTimeline, to.timeline.value(), out);
  AppendFixed64Field(kEnvelopePg, to.pg.value(), out);
  AppendVarint(kEnvelopeEpoch, out);
  AppendVarint(epoch_size, out);
  AppendVarintField(kEpochNumber, to.epoch.number, out);
  AppendFixed64Field(kEpochClaimant, to.epoch.claimant, out);
  AppendVarintField(kEnvelopeMembership, to.membership_epoch.value(), out);
}

// The readers of the fast path accept what the encoder writes: known fields, each once, rising.
// False sends the request to the generated parser, which knows every other legal form.
class Rising {
 public:
  bool Accepts(uint32_t tag) { return std::exchange(last_, tag) < tag; }

 private:
  uint32_t last_ = 0;
};

bool ReadEpoch(std::string_view bytes, EpochId& epoch) {
  WireReader reader(bytes);
  Rising rising;
  for (uint32_t tag = 0; reader.NextTag(tag);) {
    if (!rising.Accepts(tag)) return false;
    if (tag == kEpochNumber) {
      epoch.number = static_cast<uint32_t>(reader.Varint());
    } else if (tag == kEpochClaimant) {
      epoch.claimant = reader.Fixed64();
    } else {
      return false;
    }
  }
  return reader.ok();
}

bool ReadEnvelope(std::string_view bytes, Envelope& to) {
  WireReader reader(bytes);
  Rising rising;
  for (uint32_t tag = 0; reader.NextTag(tag);) {
    if (!rising.Accepts(tag)) return false;
    if (tag == kEnvelopeTimeline) {
      to.timeline = TimelineId(reader.Fixed64());
    } else if (tag == kEnvelopePg) {
      to.pg = PgId(reader.Fixed64());
    } else if (tag == kEnvelopeEpoch) {
      if (!ReadEpoch(reader.Bytes(), to.epoch)) return false;
    } else if (tag == kEnvelopeMembership) {
      to.membership_epoch = MembershipEpoch(static_cast<uint32_t>(reader.Varint()));
    } else {
      return false;
    }
  }
  return reader.ok();
}

bool ReadAppend(std::string_view bytes, Append& append, std::string_view& boxcar) {
  WireReader reader(bytes);
  Rising rising;
  for (uint32_t tag = 0; reader.NextTag(tag);) {
    if (!rising.Accepts(tag)) return false;
    if (tag == kAppendVdl) {
      append.vdl = Lsn(reader.Varint());
    } else if (tag == kAppendPgmrpl) {
      append.pgmrpl = Lsn(reader.Varint());
    } else if (tag == kAppendBoxcar) {
      boxcar = reader.Bytes();
    } else {
      return false;
    }
  }
  return reader.ok();
}

// Nothing if `bytes` is not an Append in the encoder's own form.
std::optional<Append> TryAppend(std::string_view bytes, const BytesRef& frame) {
  WireReader reader(bytes);
  Rising rising;
  Append append;
  std::string_view boxcar;
  bool is_append = false;
  for (uint32_t tag = 0; reader.NextTag(tag);) {
    if (!rising.Accepts(tag)) return std::nullopt;
    if (tag == kRequestTo) {
      if (!ReadEnvelope(reader.Bytes(), append.to)) return std::nullopt;
    } else if (tag == kRequestAppend) {
      if (!ReadAppend(reader.Bytes(), append, boxcar)) return std::nullopt;
      is_append = true;
    } else {
      return std::nullopt;
    }
  }
  if (!reader.ok() || !is_append) return std::nullopt;
  if (boxcar.empty()) return append;
  // A view keeps its whole frame in memory for as long as the hot log keeps the boxcar, and the hot
  // log's limit counts boxcars: a small part of a large frame gets bytes of its own.
  if (boxcar.size() < frame.size() / 2) {
    append.boxcar = BytesRef::Own(std::string(boxcar));
  } else {
    const auto offset = static_cast<size_t>(boxcar.data() - frame.view().data());
    append.boxcar = frame.Part(offset, boxcar.size());
  }
  return append;
}

absl::StatusOr<SegmentRequest> DecodeRequest(std::string_view bytes, const BytesRef& frame) {
  if (auto append = TryAppend(bytes, frame)) {
    if (auto status = CheckBoxcarSize(append->boxcar.size()); !status.ok()) return status;
    return *std::move(append);
  }
  v1::SegmentRequest wire;
  if (!wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("a request that is not a SegmentRequest");
  }
  return FromWire(std::move(wire));
}

absl::StatusOr<SegmentAnswer> DecodeAnswer(std::string_view bytes, const BytesRef&) {
  v1::SegmentAnswer wire;
  if (!wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("an answer that is not a SegmentAnswer");
  }
  return FromWire(std::move(wire));
}

template <class Entry, class DecodeEntry>
absl::StatusOr<std::vector<Entry>> DecodeFrame(const BytesRef& frame, DecodeEntry decode) {
  if (frame.size() > static_cast<size_t>(kMaxMessageBytes)) {
    return absl::InvalidArgumentError(absl::StrCat("frame of ", frame.size(), " bytes"));
  }
  std::vector<Entry> entries;
  WireReader reader(frame.view());
  for (uint32_t tag = 0; reader.NextTag(tag);) {
    if (tag != kFrameEntry) {
      reader.Skip(tag);
      continue;
    }
    if (entries.size() == kMaxFrameEntries) {
      return absl::InvalidArgumentError(
          absl::StrCat("frame with more than ", kMaxFrameEntries, " entries"));
    }
    const std::string_view bytes = reader.Bytes();
    if (!reader.ok()) break;
    auto entry = decode(bytes, frame);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  if (!reader.ok()) return absl::InvalidArgumentError("frame that ends inside a field");
  return entries;
}

}  // namespace

void WriterFrameBuilder::Add(const SegmentRequest& request) {
  INVARIANT(entries_ < kMaxFrameEntries);
  ++entries_;
  if (const auto* append = std::get_if<Append>(&request)) {
    AddAppend(*append);
    return;
  }
  v1::SegmentRequest wire;
  ToWire(request, &wire);
  const size_t size = wire.ByteSizeLong();
  AppendVarint(kFrameEntry, heads_);
  AppendVarint(size, heads_);
  wire.AppendToString(&heads_);
  bytes_ += size;
}

void WriterFrameBuilder::AddAppend(const Append& append) {
  const size_t boxcar_size = append.boxcar.size();
  INVARIANT(boxcar_size <= quorum::kMaxBoxcarBytes);
  size_t append_size = VarintFieldSize(kAppendVdl, append.vdl.value()) +
                       VarintFieldSize(kAppendPgmrpl, append.pgmrpl.value());
  if (boxcar_size > 0) {
    append_size += VarintSize(kAppendBoxcar) + VarintSize(boxcar_size) + boxcar_size;
  }
  std::string envelope;  // with its length in front
  AppendEnvelope(append.to, envelope);
  const size_t request_size = VarintSize(kRequestTo) + envelope.size() +
                              VarintSize(kRequestAppend) + VarintSize(append_size) + append_size;
  AppendVarint(kFrameEntry, heads_);
  AppendVarint(request_size, heads_);
  AppendVarint(kRequestTo, heads_);
  heads_ += envelope;
  AppendVarint(kRequestAppend, heads_);
  AppendVarint(append_size, heads_);
  AppendVarintField(kAppendVdl, append.vdl.value(), heads_);
  AppendVarintField(kAppendPgmrpl, append.pgmrpl.value(), heads_);
  bytes_ += request_size;
  if (boxcar_size == 0) return;
  AppendVarint(kAppendBoxcar, heads_);
  AppendVarint(boxcar_size, heads_);
  if (boxcar_size <= kCopiedBoxcarBytes) {
    heads_ += append.boxcar.view();
    return;
  }
  FlushHeads();
  slices_.push_back(Share(append.boxcar));
}

void WriterFrameBuilder::FlushHeads() {
  if (heads_.empty()) return;
  slices_.emplace_back(heads_);
  heads_.clear();
}

grpc::ByteBuffer WriterFrameBuilder::Take() {
  FlushHeads();
  grpc::ByteBuffer frame(slices_.data(), slices_.size());
  slices_.clear();
  entries_ = 0;
  bytes_ = 0;
  return frame;
}

grpc::ByteBuffer EncodeWriterFrame(std::span<const SegmentRequest> requests) {
  WriterFrameBuilder builder;
  for (const SegmentRequest& request : requests) builder.Add(request);
  return builder.Take();
}

namespace {

constexpr size_t kRoughEntryBytes = 64;  // the envelope and small fields

size_t RoughBytesOf(const quorum::PgPath& path) { return 48 * path.path.steps().size(); }
size_t RoughBytesOf(const quorum::Membership& membership) {
  return 32 + 48 * membership.members.size();
}
size_t RoughBytesOf(const std::optional<quorum::Manifest>& manifest) {
  size_t bytes = 0;
  if (!manifest.has_value()) return bytes;
  for (const quorum::Membership& pg : manifest->pgs) bytes += RoughBytesOf(pg);
  return bytes;
}
size_t RoughBytesOf(const std::vector<BytesRef>& boxcars) {
  size_t bytes = 0;
  for (const BytesRef& boxcar : boxcars) bytes += boxcar.size();
  return bytes;
}

struct Rough {
  size_t operator()(const quorum::CreateSegment& in) const { return RoughBytesOf(in.membership); }
  size_t operator()(const quorum::TakeInventory& in) const { return RoughBytesOf(in.parent); }
  size_t operator()(const quorum::FetchLog& in) const { return RoughBytesOf(in.parent); }
  size_t operator()(const quorum::Refill& in) const {
    return RoughBytesOf(in.parent) + RoughBytesOf(in.boxcars);
  }
  size_t operator()(const quorum::Begin& in) const {
    return RoughBytesOf(in.path) + RoughBytesOf(in.manifest);
  }
  size_t operator()(const quorum::Append& in) const { return in.boxcar.size(); }
  size_t operator()(const quorum::FindCommit& in) const { return RoughBytesOf(in.history); }
  size_t operator()(const quorum::CreateTimeline& in) const {
    return RoughBytesOf(in.history) + RoughBytesOf(in.manifest);
  }
  size_t operator()(const quorum::Polled& in) const {
    return RoughBytesOf(in.begun) + RoughBytesOf(in.manifest);
  }
  size_t operator()(const quorum::Promised& in) const {
    return RoughBytesOf(in.begun) + RoughBytesOf(in.manifest);
  }
  size_t operator()(const quorum::InventoryTaken& in) const {
    return 8 * in.inventory.records.size();
  }
  size_t operator()(const quorum::LogPart& in) const { return RoughBytesOf(in.boxcars); }
  size_t operator()(const quorum::Refused& in) const { return in.message.size(); }
  template <class Small>
  size_t operator()(const Small&) const {
    return 0;
  }
};

}  // namespace

size_t RoughBytes(const SegmentRequest& request) {
  return kRoughEntryBytes + std::visit(Rough{}, request);
}
size_t RoughBytes(const SegmentAnswer& answer) {
  return kRoughEntryBytes + std::visit(Rough{}, answer);
}

grpc::ByteBuffer EncodeNodeFrame(std::span<const SegmentAnswer> answers) {
  std::string bytes;
  v1::SegmentAnswer wire;
  for (const SegmentAnswer& answer : answers) {
    wire.Clear();
    ToWire(answer, &wire);
    AppendVarint(kFrameEntry, bytes);
    AppendVarint(wire.ByteSizeLong(), bytes);
    wire.AppendToString(&bytes);
  }
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<std::vector<SegmentRequest>> DecodeWriterFrame(const BytesRef& frame) {
  return DecodeFrame<SegmentRequest>(frame, DecodeRequest);
}

absl::StatusOr<std::vector<SegmentAnswer>> DecodeNodeFrame(const BytesRef& frame) {
  return DecodeFrame<SegmentAnswer>(frame, DecodeAnswer);
}

absl::StatusOr<std::vector<SegmentRequest>> DecodeWriterFrame(const grpc::ByteBuffer& frame) {
  return DecodeWriterFrame(Flatten(frame));
}

absl::StatusOr<std::vector<SegmentAnswer>> DecodeNodeFrame(const grpc::ByteBuffer& frame) {
  return DecodeNodeFrame(Flatten(frame));
}

}  // namespace hexad::proto
