#include "compute/io/page_reads.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/core/user_error.h"
#include "compute/io/clocks.h"

namespace hexad::compute {

using quorum::MemberSet;
using quorum::RefusalReason;
using quorum::Refused;

// One read under way. Its state is guarded by the owner's mutex.
class PageReads::Ask : public std::enable_shared_from_this<Ask> {
 public:
  Ask(std::shared_ptr<PageReads> owner, quorum::ReadPage read, Done done)
      : owner_(std::move(owner)),
        read_(std::move(read)),
        done_(std::move(done)),
        deadline_(MonotonicNow() + kReadDeadline) {}

  void Start() { Next(Why::kUnanswered, 0); }

 private:
  enum class Why { kUnanswered, kLate };
  struct Question {
    int member;
    int round;
    std::shared_ptr<NodeChannel> channel;
    Duration hedge_after;
  };

  // Asks one more segment, or, under suspicion, every one that was not asked, because of what
  // happened in `round`. What belongs to an earlier one counts for nothing: the last two answers of
  // a round may both find that nobody is left, and every question is late once; if both made a new
  // round, or late ones of the last asked in this, the questions would double from round to round.
  void Next(Why why, int round) {
    std::vector<Question> questions;
    absl::Status failure;
    {
      const std::lock_guard lock(owner_->mutex_);
      if (done_ == nullptr || round != round_) return;
      Pg* pg = owner_->Find(read_.to.pg);
      if (pg == nullptr) {
        failure = absl::UnavailableError("the volume's geometry changed");
      } else {
        PickNext(*pg, questions);
        owner_->hedged_ += why == Why::kLate && !questions.empty() ? 1 : 0;
        if (questions.empty() && outstanding_ == 0) failure = WhenNobodyIsLeft(*pg);
      }
    }
    if (!failure.ok()) return Finish(failure);
    for (const Question& question : questions) Send(question);
  }

  void StartRound(int round) {
    {
      const std::lock_guard lock(owner_->mutex_);
      tried_ = MemberSet();
      damaged_ = out_of_range_ = 0;
    }
    Next(Why::kUnanswered, round);
  }

  // REQUIRES: the owner's mutex is held.
  void PickNext(Pg& pg, std::vector<Question>& questions) {
    for (;;) {
      const auto member =
          suspicious_ ? NextUnasked(pg) : pg.selector.Pick(read_.complete_to, tried_);
      if (!member.has_value()) return;
      tried_.Add(*member);
      const auto channel =
          owner_->nodes_->ChannelOf(pg.membership.members[static_cast<size_t>(*member)].node);
      if (!channel.ok()) continue;
      ++outstanding_;
      questions.push_back(Question{*member, round_, *channel, pg.selector.HedgeAfter(*member)});
      if (!suspicious_) return;
    }
  }

  std::optional<int> NextUnasked(const Pg& pg) const {
    for (int i = 0; i < static_cast<int>(pg.membership.members.size()); ++i) {
      if (!tried_.Has(i)) return i;
    }
    return std::nullopt;
  }

  // REQUIRES: the owner's mutex is held. OK if the read goes on after a pause.
  absl::Status WhenNobodyIsLeft(const Pg& pg) {
    const std::string what =
        absl::StrCat("page ", read_.page.value(), " at ", read_.read_point.value(), " from PG ",
                     absl::Hex(read_.to.pg.value()));
    const int members = static_cast<int>(pg.membership.members.size());
    // One that is down or behind may have a copy that is sound.
    if (damaged_ > 0 && damaged_ + out_of_range_ == members) {
      return absl::DataLossError(
          absl::StrCat(what, ": damaged at every segment that has it: ", trouble_));
    }
    if (out_of_range_ == members) return absl::OutOfRangeError(absl::StrCat(what, ": ", trouble_));
    if (MonotonicNow() + kRetryPause >= deadline_) {
      return absl::UnavailableError(
          absl::StrCat(what, ": no segment that is whole up to ", read_.complete_to.value(),
                       " answers: ", trouble_.empty() ? pg.selector.Describe() : trouble_));
    }
    ++round_;
    owner_->nodes_->timer->At(
        MonotonicNow() + kRetryPause,
        [self = shared_from_this(), round = round_] { self->StartRound(round); });
    return absl::OkStatus();
  }

  void Send(const Question& question) {
    v1::ReadPageRequest wire;
    proto::ToWire(read_, &wire);
    const Instant sent = MonotonicNow();
    question.channel->ReadPage(
        wire, kAskDeadline,
        [self = shared_from_this(), member = question.member, round = question.round,
         sent](auto wire) {
          auto answer = wire.ok() ? proto::FromWire(*std::move(wire))
                                  : absl::StatusOr<proto::ReadAnswer>(wire.status());
          if (!self->Answered(member, MonotonicNow() - sent, std::move(answer))) {
            self->Next(Why::kUnanswered, round);
          }
        });
    owner_->nodes_->timer->At(sent + question.hedge_after,
                              [weak = weak_from_this(), round = question.round] {
                                if (const auto self = weak.lock()) self->Next(Why::kLate, round);
                              });
  }

  // True if it ended the read.
  bool Answered(int member, Duration latency, absl::StatusOr<proto::ReadAnswer> answer) {
    absl::StatusOr<quorum::PageRead> outcome = absl::UnknownError("undecided");
    std::optional<std::pair<NodeId, Refused>> stale;
    bool finished = false;
    {
      const std::lock_guard lock(owner_->mutex_);
      --outstanding_;
      Pg* pg = owner_->Find(read_.to.pg);
      if (pg == nullptr) return false;
      const NodeId& node = pg->membership.members[static_cast<size_t>(member)].node;
      auto* page = answer.ok() ? std::get_if<quorum::PageRead>(&*answer) : nullptr;
      if (page != nullptr && page->page.size() == owner_->manifest_.page_size) {
        pg->selector.Observe(member, latency);
        pg->selector.SetScl(member, page->scl);
        agree_.Add(member);
        page_ = std::move(*page);
      } else {
        pg->selector.ObserveFailure(member);
        trouble_ = absl::StrCat(node.value(), ": ", TroubleOf(answer));
        const auto* refused = answer.ok() ? std::get_if<Refused>(&*answer) : nullptr;
        if (refused != nullptr) Note(member, *refused);
        if (refused != nullptr && refused->reason == RefusalReason::kStaleEpoch) {
          stale.emplace(node, *refused);
          stale->second.from = read_.to;
        }
      }
      finished = Decide(pg->membership.Quorums(), outcome);
    }
    if (stale.has_value()) owner_->on_stale_(stale->first, stale->second);
    if (finished) Finish(std::move(outcome));
    return finished;
  }

  void Note(int member, const Refused& refused) {
    if (refused.reason == RefusalReason::kStaleEpoch) {
      suspicious_ = true;
      stale_.Add(member);
    }
    out_of_range_ += refused.reason == RefusalReason::kOutOfRange ? 1 : 0;
    damaged_ += refused.reason == RefusalReason::kDamaged ? 1 : 0;
  }

  // REQUIRES: the owner's mutex is held. True if `outcome` is the read's end.
  bool Decide(const quorum::QuorumSet& quorums, absl::StatusOr<quorum::PageRead>& outcome) {
    if (suspicious_ && !quorums.CanRead(quorums.read.members() - stale_)) {
      outcome =
          MakeUserError(UserError::kFenced, absl::StrCat("segments refuse the epoch: ", trouble_));
      return true;
    }
    const bool proven = !suspicious_ || quorums.CanRead(agree_);
    if (!page_.has_value() || !proven) return false;
    outcome = *page_;
    return true;
  }

  static std::string TroubleOf(const absl::StatusOr<proto::ReadAnswer>& answer) {
    if (!answer.ok()) return std::string(answer.status().message());
    const auto* refused = std::get_if<Refused>(&*answer);
    return refused != nullptr ? refused->message : "a page of the wrong size";
  }

  void Finish(absl::StatusOr<quorum::PageRead> outcome) {
    Done done;
    {
      const std::lock_guard lock(owner_->mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (done != nullptr) done(std::move(outcome));
  }

  const std::shared_ptr<PageReads> owner_;
  const quorum::ReadPage read_;
  Done done_;  // null once called
  const Instant deadline_;
  MemberSet tried_;
  MemberSet agree_;  // gave the page under our epoch
  MemberSet stale_;  // refused the epoch
  bool suspicious_ = false;
  int outstanding_ = 0;
  int round_ = 0;  // a round ends when everybody was asked in vain; the next comes after a pause
  int out_of_range_ = 0;
  int damaged_ = 0;
  std::optional<quorum::PageRead> page_;
  std::string trouble_;
};

PageReads::PageReads(std::shared_ptr<const ClusterNodes> nodes) : nodes_(std::move(nodes)) {}

void PageReads::AddPg(const quorum::Membership& membership) {
  const int members = static_cast<int>(membership.members.size());
  auto pg = std::make_unique<Pg>(Pg{membership, quorum::SegmentSelector(members, RandomNumber())});
  for (int i = 0; i < members; ++i) {
    const auto up = up_.find(membership.members[static_cast<size_t>(i)].node);
    pg->selector.SetUp(i, up != up_.end() && up->second);
  }
  index_of_[membership.pg] = pgs_.size();
  pgs_.push_back(std::move(pg));
}

void PageReads::SetEpoch(EpochId epoch, bool sealed, const quorum::Manifest& manifest) {
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  sealed_ = sealed;
  manifest_ = manifest;
  pgs_.clear();
  index_of_.clear();
  for (const quorum::Membership& membership : manifest.pgs) AddPg(membership);
}

void PageReads::SetGeometry(const quorum::Manifest& manifest) {
  const std::lock_guard lock(mutex_);
  for (size_t i = pgs_.size(); i < manifest.pgs.size(); ++i) AddPg(manifest.pgs[i]);
  manifest_ = manifest;
}

PageReads::Pg* PageReads::Find(PgId pg) {
  const auto at = index_of_.find(pg);
  return at == index_of_.end() ? nullptr : pgs_[at->second].get();
}

void PageReads::SetScl(PgId pg, const NodeId& node, Lsn scl) {
  const std::lock_guard lock(mutex_);
  Pg* found = Find(pg);
  if (found == nullptr) return;
  const auto member = found->membership.IndexOf(node);
  if (member.has_value()) found->selector.SetScl(*member, scl);
}

void PageReads::SetUp(const NodeId& node, bool up) {
  const std::lock_guard lock(mutex_);
  up_[node] = up;
  for (const auto& pg : pgs_) {
    const auto member = pg->membership.IndexOf(node);
    if (member.has_value()) pg->selector.SetUp(*member, up);
  }
}

void PageReads::Read(PageNo page, Lsn read_point, Lsn complete_to, Done done) {
  quorum::ReadPage read;
  {
    const std::lock_guard lock(mutex_);
    const size_t index = pgs_.empty() ? 0 : manifest_.PgIndexOf(page);
    if (index < pgs_.size()) {
      const quorum::Membership& membership = pgs_[index]->membership;
      read.to = quorum::Envelope{manifest_.timeline, membership.pg, epoch_, membership.epoch};
      read.page = page;
      read.read_point = read_point;
      read.complete_to = complete_to;
      read.sealed = sealed_;
    }
  }
  if (read.read_point.IsNone()) {
    return done(
        absl::OutOfRangeError(absl::StrCat("page ", page.value(), " at ", read_point.value(),
                                           ": outside the volume, or before its log")));
  }
  std::make_shared<Ask>(shared_from_this(), std::move(read), std::move(done))->Start();
}

uint64_t PageReads::hedged() const {
  const std::lock_guard lock(mutex_);
  return hedged_;
}

}  // namespace hexad::compute
