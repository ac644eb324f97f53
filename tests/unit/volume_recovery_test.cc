// Recovery's promise, against a volume whose truth is known: from every read quorum, whatever was
// acknowledged is at or below VDL', VDL' is a consistency point, and the refill plan is exact. Then
// each way in which answers can contradict each other.
#include "quorum/volume_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/unit/volume_model.h"

namespace hexad::quorum {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kLal = 50;

bool Same(const Recovered& a, const Recovered& b) {
  if (a.vcl != b.vcl || a.vdl != b.vdl || a.pgs.size() != b.pgs.size()) return false;
  for (size_t i = 0; i < a.pgs.size(); ++i) {
    if (a.pgs[i].tail != b.pgs[i].tail || a.pgs[i].complete != b.pgs[i].complete ||
        a.pgs[i].write_quorum_complete != b.pgs[i].write_quorum_complete) {
      return false;
    }
  }
  return true;
}

// Calls `check` with every choice of answering members, `fewest` to `most` of six in each PG.
void ForEveryChoice(size_t pgs, int fewest, int most,
                    const std::function<void(const std::vector<MemberSet>&)>& check) {
  std::vector<MemberSet> sets;
  for (uint32_t bits = 0; bits < (1u << kCopies); ++bits) {
    const int size = MemberSet(bits).size();
    if (size >= fewest && size <= most) sets.push_back(MemberSet(bits));
  }
  std::vector<size_t> at(pgs, 0);
  for (size_t digit = 0; digit < pgs;) {
    std::vector<MemberSet> choice;
    for (const size_t i : at) choice.push_back(sets[i]);
    check(choice);
    for (digit = 0; digit < pgs && ++at[digit] == sets.size(); ++digit) at[digit] = 0;
  }
}

MemberSet AnySetOfAtLeast(int fewest) {
  MemberSet set(static_cast<uint32_t>(*rc::gen::inRange(0, 1 << kCopies)));
  for (int member = 0; set.size() < fewest; ++member) set.Add(member);
  return set;
}

// A tenure of a writer: MTRs over all PGs, records lost, late and out of order, VDLs told to some.
void WriteForAWhile(VolumeModel& model) {
  std::vector<std::pair<VolumeModel::Record, int>> on_their_way;
  const int steps = *rc::gen::inRange(1, 40);
  for (int step = 0; step < steps; ++step) {
    if (*rc::gen::inRange(0, 3) == 0) {
      std::vector<size_t> pg_of_records(*rc::gen::inRange(1, 4));
      for (size_t& pg : pg_of_records) pg = *rc::gen::inRange<size_t>(0, model.pgs());
      model.Issue(pg_of_records);
      for (size_t i = model.log().size() - pg_of_records.size(); i < model.log().size(); ++i) {
        for (int member = 0; member < kCopies; ++member) {
          on_their_way.emplace_back(model.log()[i], member);
        }
      }
    } else if (*rc::gen::inRange(0, 8) == 0) {
      model.TellVdl(*rc::gen::inRange<size_t>(0, model.pgs()), *rc::gen::inRange(0, kCopies));
    } else {
      const int deliveries = *rc::gen::inRange(0, 12);
      for (int i = 0; i < deliveries && !on_their_way.empty(); ++i) {
        // Mostly the oldest, so that something becomes durable; sometimes any.
        const size_t last = *rc::gen::inRange(0, 4) == 0 ? on_their_way.size() : 1;
        const size_t pick = *rc::gen::inRange<size_t>(0, last);
        model.Deliver(on_their_way[pick].first, on_their_way[pick].second);
        on_their_way.erase(on_their_way.begin() + static_cast<std::ptrdiff_t>(pick));
      }
    }
  }
}

void CheckEveryReadQuorum(const VolumeModel& model) {
  // Two PGs: all 42 x 42 choices of three or more. Three PGs: all 20^3 choices of exactly three.
  ForEveryChoice(model.pgs(), 3, model.pgs() == 2 ? 6 : 3,
                 [&](const std::vector<MemberSet>& choice) {
                   const absl::StatusOr<Recovered> recovered = Recover(model.Answers(choice));
                   RC_ASSERT(recovered.ok());
                   RC_ASSERT(recovered->vdl >= model.acknowledged());
                   RC_ASSERT(Same(*recovered, model.Expected(choice)));
                 });
}

RC_GTEST_PROP(Recover, FindsEverythingAcknowledgedFromEveryReadQuorum, ()) {
  VolumeModel model(*rc::gen::inRange(0, 8) == 0 ? 3 : 2);
  const int tenures = *rc::gen::inRange(1, 4);
  for (int tenure = 0; tenure < tenures; ++tenure) {
    WriteForAWhile(model);
    CheckEveryReadQuorum(model);
    // One of those quorums opens the volume, and a new writer takes over.
    std::vector<MemberSet> answering;
    std::vector<MemberSet> refilled;
    for (size_t pg = 0; pg < model.pgs(); ++pg) {
      answering.push_back(AnySetOfAtLeast(3));
      refilled.push_back(AnySetOfAtLeast(4));
    }
    model.Reopen(Recover(model.Answers(answering))->vdl, refilled, kLal);
  }
  CheckEveryReadQuorum(model);
}

TEST(Recover, OfAnEmptyVolumeIsNothing) {
  const VolumeModel model(2);
  const auto recovered = Recover(model.Answers({MemberSet(0b000111), MemberSet(0b111100)}));
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->vcl, Lsn::None());
  EXPECT_EQ(recovered->vdl, Lsn::None());
  EXPECT_EQ(recovered->pgs[0].complete, MemberSet(0b000111));
  EXPECT_FALSE(recovered->pgs[0].write_quorum_complete) << "three answers are no write quorum";
  EXPECT_TRUE(recovered->pgs[1].write_quorum_complete);
}

// A PG that is quiet while the volume moves on: its tail lies below what every segment heard, and
// below H in particular, so it comes from tail_at_vdl.
TEST(Recover, FindsTheTailOfAQuietPg) {
  VolumeModel model(2);
  model.Issue({0, 1, 1});
  for (int mtr = 0; mtr < 5; ++mtr) model.Issue({1});
  for (const auto& record : model.log()) {
    for (int member = 0; member < 4; ++member) model.Deliver(record, member);
    model.TellVdl(1, 0);
  }
  ASSERT_EQ(model.acknowledged(), Lsn(8));
  model.TellVdl(0, 0);  // of PG 0 only A has heard that the volume moved on
  const auto recovered = Recover(model.Answers({MemberSet(0b001011), MemberSet(0b111000)}));
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->vdl, Lsn(8));
  EXPECT_EQ(recovered->pgs[0].tail, Lsn(1));
  EXPECT_EQ(recovered->pgs[0].complete, MemberSet(0b001011));
  EXPECT_EQ(recovered->pgs[1].tail, Lsn(8));
  EXPECT_EQ(recovered->pgs[1].complete, MemberSet(0b001000)) << "only D of DEF has the log";
}

TEST(Recover, WaitsForAReadQuorumOfEveryPg) {
  const VolumeModel model(2);
  const absl::Status status =
      Recover(model.Answers({MemberSet(0b111111), MemberSet(0b100001)})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "PG 101: 2 of 6 segments answered, recovery needs 3/6{ABCDEF}");
}

// Every set of answers of one PG without a read quorum is refused, whatever the other PG says.
TEST(Recover, RefusesEverySetOfTwo) {
  const VolumeModel model(2);
  ForEveryChoice(2, 0, 6, [&](const std::vector<MemberSet>& choice) {
    const bool enough = choice[0].size() >= 3 && choice[1].size() >= 3;
    EXPECT_EQ(Recover(model.Answers(choice)).ok(), enough);
  });
}

// ---- answers that contradict each other --------------------------------------------------------

// PG 100 holds 1, 2, 4, PG 101 holds 3, 5; all six segments hold everything; VDL 2 was heard.
class Contradictions : public ::testing::Test {
 protected:
  Contradictions() {
    model_.Issue({0, 0});
    DeliverToAll(0, 2);
    for (size_t pg = 0; pg < 2; ++pg) {
      for (int member = 0; member < kCopies; ++member) model_.TellVdl(pg, member);
    }
    model_.Issue({1});
    model_.Issue({0, 1});
    DeliverToAll(2, 5);
    answers_ = model_.Answers({MemberSet(0b000111), MemberSet(0b000111)});
  }

  void DeliverToAll(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      for (int member = 0; member < kCopies; ++member) model_.Deliver(model_.log()[i], member);
    }
  }

  SegmentInventory& Answer(size_t pg, int member) { return *answers_[pg].answers[member]; }

  std::string DataLoss() const {
    const absl::Status status = Recover(answers_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    return std::string(status.message());
  }

  VolumeModel model_{2};
  std::vector<PgInventory> answers_;
};

TEST_F(Contradictions, AreAbsentFromTheFixture) {
  const auto recovered = Recover(answers_);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->vdl, Lsn(5));
}

TEST_F(Contradictions, TwoRecordsAtOneLsnOfAPg) {
  Answer(0, 1).records[0].is_cpl = true;
  EXPECT_EQ(DataLoss(), "PG 100: two different records at LSN 4");
}

TEST_F(Contradictions, TwoPgsAtOnePlaceOfTheVolume) {
  for (int member = 0; member < 3; ++member) Answer(1, member).records[1].volume_prev = Lsn(3);
  EXPECT_EQ(DataLoss(), "records 4 and 5 both follow record 3 of the volume");
}

TEST_F(Contradictions, ARecordThatTheWholeSegmentDoesNotLink) {
  for (int member = 0; member < 3; ++member) Answer(1, member).records[1].pg_prev = Lsn(1);
  EXPECT_EQ(DataLoss(), "PG 101: record 5 follows 1 and not 3");
}

TEST_F(Contradictions, AnAcknowledgedRecordThatNobodyHoldsWhole) {
  // PG 100's answers have forgotten everything; B of PG 101 knows that 4 and 5 were acknowledged.
  for (int member = 0; member < 3; ++member) {
    Answer(0, member) = SegmentInventory{Lsn(2), Lsn(2), Lsn(2), {{Lsn(4), Lsn(3), Lsn(2), false}}};
  }
  Answer(1, 1) = SegmentInventory{Lsn(5), Lsn(5), Lsn(5), {}};
  EXPECT_EQ(DataLoss(), "PG 100: record 4 is at or below VDL 5, but no answer is whole beyond 2");
}

TEST_F(Contradictions, TwoTails) {
  Answer(0, 0) = SegmentInventory{Lsn(4), Lsn(5), Lsn(2), {}};
  EXPECT_EQ(DataLoss(),
            "PG 100: its last record up to VDL 5 is 2 for one segment and 4 for another");
}

TEST_F(Contradictions, AnAnswerAgainstItself) {
  const SegmentInventory good = Answer(0, 0);
  Answer(0, 0).tail_at_vdl = Lsn(3);
  EXPECT_THAT(DataLoss(), HasSubstr("tail 3 lies above its SCL 4 or the VDL 2"));
  Answer(0, 0) = good;
  Answer(0, 0).scl = Lsn(1);
  EXPECT_THAT(DataLoss(), HasSubstr("tail 2 lies above its SCL 1"));
  Answer(0, 0) = good;
  Answer(0, 0).vdl_heard = Lsn(4);
  EXPECT_THAT(DataLoss(), HasSubstr("record 4 is out of order"));
  Answer(0, 0) = good;
  Answer(0, 0).records[0].volume_prev = Lsn(4);
  EXPECT_THAT(DataLoss(), HasSubstr("record 4 is out of order, or its links 4 and 2 are"));
  Answer(0, 0) = good;
  Answer(0, 0).records.push_back(good.records[0]);
  EXPECT_THAT(DataLoss(), HasSubstr("record 4 is out of order"));
}

// Whatever a peer sends, the answer is a Status and never an abort; and what is OK makes sense.
RC_GTEST_PROP(Recover, SurvivesAnyAnswer, ()) {
  const auto any = [] { return Lsn(*rc::gen::inRange(0, 8)); };
  VolumeModel model(2);
  std::vector<PgInventory> answers = model.Answers({MemberSet(0b000111), MemberSet(0b001111)});
  for (PgInventory& pg : answers) {
    for (std::optional<SegmentInventory>& answer : pg.answers) {
      if (!answer) continue;
      *answer = SegmentInventory{any(), any(), any(), {}};
      answer->tail_at_vdl = std::min(answer->tail_at_vdl, std::min(answer->scl, answer->vdl_heard));
      const int records = *rc::gen::inRange(0, 3);
      for (int i = 0; i < records; ++i) answer->records.push_back({any(), any(), any(), true});
    }
  }
  const auto recovered = Recover(answers);
  RC_CLASSIFY(recovered.ok());
  if (!recovered.ok()) {
    RC_ASSERT(recovered.status().code() == absl::StatusCode::kDataLoss);
    return;
  }
  RC_ASSERT(recovered->vdl <= recovered->vcl);
  for (const RecoveredPg& pg : recovered->pgs) {
    RC_ASSERT(pg.tail <= recovered->vdl);
    RC_ASSERT(!pg.complete.empty());
  }
}

}  // namespace
}  // namespace hexad::quorum
