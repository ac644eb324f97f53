#include "cli/verify/segment_reader.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "proto/status.h"
#include "quorum/base/check.h"

namespace hexad::cli {
namespace {

constexpr int kMaxPagesInFlight = 64;
constexpr std::chrono::seconds kReadTimeout{5};

std::string Describe(const quorum::Refused& refused) {
  return refused.message.empty()
             ? absl::StrCat("refused, reason ", static_cast<int>(refused.reason))
             : refused.message;
}

void Take(absl::StatusOr<proto::ReadAnswer> answer, SegmentCopy& copy) {
  if (!answer.ok()) {
    copy.trouble = std::string(answer.status().message());
  } else if (const auto* refused = std::get_if<quorum::Refused>(&*answer)) {
    copy.trouble = Describe(*refused);
  } else {
    auto& read = std::get<quorum::PageRead>(*answer);
    copy.answered = true;
    copy.page_lsn = read.page_lsn;
    copy.page = std::move(read.page);
  }
}

// One segment's call; lives until its answer came.
struct SegmentCall {
  grpc::ClientContext context;
  v1::ReadPageRequest ask;
  v1::ReadPageAnswer answer;
};

}  // namespace

struct SegmentReader::PageInFlight {
  PageNo page;
  const quorum::Membership* pg;
  Done done;
  std::vector<SegmentCopy> copies;
  std::atomic<size_t> missing;
};

SegmentReader::SegmentReader(const topology::Topology& topology, ReadPoint read_point)
    : read_point_(std::move(read_point)) {
  for (const topology::TopologyNode& node : topology.nodes) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    stubs_[node.id.value()] = v1::SegmentService::NewStub(
        grpc::CreateCustomChannel(node.address, grpc::InsecureChannelCredentials(), arguments));
  }
}

SegmentReader::~SegmentReader() { WaitForAll(); }

void SegmentReader::Read(PageNo page, Done done) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return pages_in_flight_ < kMaxPagesInFlight; });
    ++pages_in_flight_;
  }
  const size_t pg_index = read_point_.manifest.PgIndexOf(page);
  INVARIANT(pg_index < read_point_.manifest.pgs.size());
  auto in_flight = std::make_shared<PageInFlight>();
  in_flight->page = page;
  in_flight->pg = &read_point_.manifest.pgs[pg_index];
  in_flight->done = std::move(done);
  in_flight->copies.resize(in_flight->pg->members.size());
  in_flight->missing = in_flight->copies.size();
  for (size_t member = 0; member < in_flight->pg->members.size(); ++member) {
    AskSegment(in_flight, member);
  }
}

void SegmentReader::AskSegment(const std::shared_ptr<PageInFlight>& page, size_t member) {
  SegmentCopy& copy = page->copies[member];
  copy.node = page->pg->members[member].node.value();
  const auto stub = stubs_.find(copy.node);
  if (stub == stubs_.end()) {
    copy.trouble = "it is not in the cluster file";
    if (--page->missing == 0) Finished(*page);
    return;
  }
  if (IsLeftOut(copy.node)) {
    copy.left_out = true;
    copy.trouble = "it does not answer";
    if (--page->missing == 0) Finished(*page);
    return;
  }
  auto call = std::make_shared<SegmentCall>();
  call->context.set_deadline(std::chrono::system_clock::now() + kReadTimeout);
  // complete_to stays open: a segment that lags answers with an older page, and is asked again.
  proto::ToWire(quorum::ReadPage{.to = {.timeline = read_point_.manifest.timeline,
                                        .pg = page->pg->pg,
                                        .epoch = read_point_.epoch,
                                        .membership_epoch = page->pg->epoch},
                                 .page = page->page,
                                 .read_point = read_point_.lsn,
                                 .complete_to = Lsn::None(),
                                 .sealed = read_point_.sealed},
                &call->ask);
  stub->second->async()->ReadPage(
      &call->context, &call->ask, &call->answer,
      [this, page, member, call](const grpc::Status& status) {
        Note(page->copies[member].node, status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
        if (status.ok()) {
          Take(proto::FromWire(std::move(call->answer)), page->copies[member]);
        } else {
          page->copies[member].trouble = status.error_message();
        }
        if (--page->missing == 0) Finished(*page);
      });
}

bool SegmentReader::IsLeftOut(const std::string& node) const {
  const std::lock_guard lock(mutex_);
  const auto found = timeouts_.find(node);
  return found != timeouts_.end() && found->second >= kMaxTimeouts;
}

void SegmentReader::Note(const std::string& node, bool timed_out) {
  const std::lock_guard lock(mutex_);
  int& in_a_row = timeouts_[node];
  if (in_a_row >= kMaxTimeouts) return;
  in_a_row = timed_out ? in_a_row + 1 : 0;
}

std::set<std::string> SegmentReader::LeftOut() const {
  std::set<std::string> nodes;
  const std::lock_guard lock(mutex_);
  for (const auto& [node, in_a_row] : timeouts_) {
    if (in_a_row >= kMaxTimeouts) nodes.insert(node);
  }
  return nodes;
}

void SegmentReader::Finished(PageInFlight& page) {
  page.done(page.page, std::move(page.copies));
  const std::lock_guard lock(mutex_);
  --pages_in_flight_;
  changed_.notify_all();
}

void SegmentReader::WaitForAll() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return pages_in_flight_ == 0; });
}

}  // namespace hexad::cli
