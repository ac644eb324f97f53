// A writer that is as dumb as possible, for tests of a storage node's process: one Log stream, used
// synchronously, and the unary calls. The volume it writes has one PG with the given members.
#pragma once

#include <grpcpp/create_channel.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proto/answer_codec.h"
#include "proto/node.grpc.pb.h"
#include "proto/node_codec.h"
#include "proto/parts_codec.h"
#include "proto/read_codec.h"
#include "proto/request_codec.h"
#include "proto/segment.grpc.pb.h"
#include "quorum/boxcar.h"

namespace hexad::storage_node::testing {

inline constexpr TimelineId kTimeline{77};
inline constexpr PgId kPg{7};
inline constexpr uint32_t kPageSize = 4096;
inline constexpr EpochId kEpoch{1, 5};
inline constexpr ClusterId kCluster{99};

class NodeClient {
 public:
  explicit NodeClient(int port)
      : channel_(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                     grpc::InsecureChannelCredentials())),
        node_(v1::NodeService::NewStub(channel_)),
        segment_(v1::SegmentService::NewStub(channel_)),
        stream_(OpenStream()) {}
  ~NodeClient() { context_.TryCancel(); }

  v1::NodeService::Stub& node() { return *node_; }
  v1::SegmentService::Stub& segment() { return *segment_; }

  // ---- the node ---------------------------------------------------------------------------------
  v1::NodeDescription Describe() {
    grpc::ClientContext context;
    v1::DescribeRequest request;
    request.set_with_segments(true);
    v1::NodeDescription answer;
    (void)node_->Describe(&context, request, &answer);
    return answer;
  }
  grpc::Status Form(const std::vector<quorum::RosterNode>& roster, ClusterId cluster = kCluster) {
    grpc::ClientContext context;
    v1::FormRequest request;
    request.set_cluster(cluster.value());
    for (const auto& node : roster) proto::ToWire(node, request.add_roster());
    v1::NodeDescription answer;
    return node_->Form(&context, request, &answer);
  }

  // ---- the stream -------------------------------------------------------------------------------
  void Send(const std::vector<quorum::SegmentRequest>& requests) {
    v1::WriterFrame frame;
    for (const auto& request : requests) proto::ToWire(request, frame.add_requests());
    (void)stream_->Write(frame);
  }
  // The next answer; nothing once the stream has ended.
  std::optional<quorum::SegmentAnswer> Next() {
    while (answers_.empty()) {
      v1::NodeFrame frame;
      if (!stream_->Read(&frame)) return std::nullopt;
      for (auto& answer : *frame.mutable_answers()) {
        auto decoded = proto::FromWire(std::move(answer));
        if (decoded.ok()) answers_.push_back(*std::move(decoded));
      }
      if (answers_.empty()) return std::nullopt;
    }
    quorum::SegmentAnswer first = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return first;
  }
  // The answer to one request; a default T if it is of another kind.
  template <class T>
  T Ask(quorum::SegmentRequest request) {
    Send({std::move(request)});
    return Take<T>();
  }
  template <class T>
  T Take() {
    auto answer = Next();
    if (!answer.has_value()) return T{};
    if (auto* wanted = std::get_if<T>(&*answer)) return std::move(*wanted);
    if (auto* refused = std::get_if<quorum::Refused>(&*answer)) last_refusal_ = *refused;
    return T{};
  }
  const quorum::Refused& last_refusal() const { return last_refusal_; }
  grpc::Status StreamStatus() { return stream_->Finish(); }

  // Until the segment is whole up to `lsn`; false if the stream ends before.
  bool AwaitAck(Lsn lsn) {
    while (auto answer = Next()) {
      const auto* ack = std::get_if<quorum::Ack>(&*answer);
      if (ack != nullptr && ack->scl >= lsn) return true;
    }
    return false;
  }

  proto::ReadAnswer Read(PageNo page, Lsn read_point, Lsn complete_to) {
    grpc::ClientContext context;
    v1::ReadPageRequest request;
    proto::ToWire(quorum::ReadPage{To(), page, read_point, complete_to}, &request);
    v1::ReadPageAnswer answer;
    if (!segment_->ReadPage(&context, request, &answer).ok()) return quorum::Refused{};
    auto decoded = proto::FromWire(std::move(answer));
    return decoded.ok() ? *std::move(decoded) : proto::ReadAnswer(quorum::Refused{});
  }

  // ---- the volume -------------------------------------------------------------------------------
  static quorum::Envelope To(EpochId epoch = kEpoch) {
    return {kTimeline, kPg, epoch, MembershipEpoch(1)};
  }
  static quorum::Membership MembershipOf(const std::vector<quorum::RosterNode>& roster) {
    quorum::Membership membership{
        kPg, MembershipEpoch(1), static_cast<uint32_t>(roster.size() / 2 + 1), {}};
    for (const auto& node : roster) {
      membership.members.push_back({node.node, node.az, node.incarnation});
    }
    return membership;
  }
  // Creates the segment and opens the first epoch on it. True if all of it was answered well.
  bool OpenVolume(const std::vector<quorum::RosterNode>& roster) {
    quorum::CreateSegment create{To(EpochId::Root()), MembershipOf(roster), kPageSize, PageNo(0),
                                 64};
    if (Ask<quorum::Created>(create).from.pg != kPg) return false;
    if (Ask<quorum::Promised>(quorum::Seal{To()}).from.epoch != kEpoch) return false;
    const auto path =
        quorum::PgPath::Root(kTimeline).Fork(kEpoch, Lsn::None(), Lsn(1), Lsn::None());
    return Ask<quorum::Begun>(quorum::Begin{To(), path, std::nullopt}).from.epoch == kEpoch;
  }

 private:
  using Stream = grpc::ClientReaderWriter<v1::WriterFrame, v1::NodeFrame>;
  std::unique_ptr<Stream> OpenStream() {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return segment_->Log(&context_);  // a deadline that is set later counts for nothing
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::NodeService::Stub> node_;
  std::unique_ptr<v1::SegmentService::Stub> segment_;
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  std::vector<quorum::SegmentAnswer> answers_;
  quorum::Refused last_refusal_;
};

// Makes boxcars of one record each: a whole page filled with one byte, or nothing but an LSN.
class LogMaker {
 public:
  // The next LSN, as an Append whose VDL is everything before it.
  quorum::Append Image(PageNo page, char fill) {
    return Make(quorum::RecordKind::kPageImage, page, std::string(kPageSize, fill));
  }
  quorum::Append Nop() { return Make(quorum::RecordKind::kNop, PageNo(0), ""); }
  // Only VDL and PGMRPL: everything so far is durable, and read from here on.
  quorum::Append Tell() const { return {NodeClient::To(), last_, last_, {}}; }
  Lsn last() const { return last_; }

 private:
  quorum::Append Make(quorum::RecordKind kind, PageNo page, const std::string& payload) {
    quorum::RecordView record;
    record.lsn = last_.Next();
    record.volume_prev = last_;
    record.pg_prev = last_;
    if (kind == quorum::RecordKind::kPageImage) {
      record.page_prev = page_last_[page.value()];
      page_last_[page.value()] = record.lsn;
    }
    record.page = page;
    record.epoch_number = kEpoch.number;
    record.kind = kind;
    record.flags = quorum::RecordFlags::kAll;
    record.commit_time = CommitTime(1);
    record.payload = payload;
    quorum::BoxcarBuilder builder(kTimeline, kPg, kEpoch);
    builder.Add(record);
    const Lsn vdl = std::exchange(last_, record.lsn);
    return {NodeClient::To(), vdl, vdl, builder.Seal(vdl, vdl).bytes};
  }

  Lsn last_;
  Lsn page_last_[64];
};

}  // namespace hexad::storage_node::testing
