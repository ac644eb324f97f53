#include "compute/io/segment_creation.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/io/clocks.h"
#include "compute/io/storage_link.h"

namespace hexad::compute {
namespace {

class Creation : public LinkListener {
 public:
  Creation(quorum::CreateSegment create, std::shared_ptr<BlockingPort> port)
      : create_(std::move(create)), enough_(port->NewEvent()), all_(port->NewEvent()) {}

  void OnLinkUp(StorageLink& link, Incarnation) override {
    link.Accept();
    link.Enqueue(create_);  // the link flushes once it has started
  }
  void OnLinkDown(StorageLink&) override {}
  void OnAnswers(StorageLink& link, std::vector<quorum::SegmentAnswer> answers) override {
    const std::lock_guard lock(mutex_);
    for (const auto& answer : answers) {
      if (const auto* refused = std::get_if<quorum::Refused>(&answer)) {
        trouble_ = absl::StrCat(link.node().value(), ": ", refused->message);
      }
      if (!std::holds_alternative<quorum::Created>(answer)) continue;
      const auto member = create_.membership.IndexOf(link.node());
      if (member.has_value()) created_.Add(*member);
    }
    if (create_.membership.Quorums().CanWrite(created_)) enough_->Set();
    if (created_.size() == static_cast<int>(create_.membership.members.size())) all_->Set();
  }

  Event& enough() { return *enough_; }
  Event& all() { return *all_; }
  std::string Describe() {
    const std::lock_guard lock(mutex_);
    return absl::StrCat(created_.size(), " of ", create_.membership.members.size(),
                        " segments were created, ", create_.membership.write, " are needed",
                        trouble_.empty() ? "" : " (", trouble_, trouble_.empty() ? "" : ")");
  }

 private:
  const quorum::CreateSegment create_;
  const std::shared_ptr<Event> enough_;
  const std::shared_ptr<Event> all_;
  std::mutex mutex_;
  quorum::MemberSet created_;
  std::string trouble_;
};

}  // namespace

absl::Status CreateSegments(const std::shared_ptr<const ClusterNodes>& nodes,
                            const quorum::CreateSegment& create, Duration grace, Duration timeout) {
  const auto creation = std::make_shared<Creation>(create, nodes->port);
  std::vector<std::shared_ptr<StorageLink>> links;
  for (const quorum::Member& member : create.membership.members) {
    auto channel = nodes->ChannelOf(member.node);
    if (!channel.ok()) return channel.status();
    links.push_back(std::make_shared<StorageLink>(*channel, nodes->id, nodes->timer, creation));
    links.back()->Start();
  }
  const bool enough = creation->enough().WaitUntil(nodes->port->Now() + timeout);
  if (enough) creation->all().WaitUntil(nodes->port->Now() + grace);
  for (const auto& link : links) link->Stop([] {});
  if (enough) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("PG ", absl::Hex(create.membership.pg.value()), ": ", creation->Describe()));
}

}  // namespace hexad::compute
