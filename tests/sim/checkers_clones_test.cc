// What checks clones must refuse (docs/testing.md): each with a history made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/sim/checkers/clones.h"
#include "tests/sim/history.h"

namespace hexad::sim {
namespace {

using ::testing::HasSubstr;

const TimelineId kClone(0xC1000);

class Clones : public ::testing::Test {
 protected:
  // Epoch 1 of process 1 has committed [101,103] and [104,105], both on page 3.
  Clones() : h_([](auto) { return std::make_unique<ClonesChecker>(4096); }) {
    h_.StartFirstEpoch();
    Write(101, 103, "first");
    Write(104, 105, "second");
  }

  void Write(uint64_t first, uint64_t commit, const std::string& bytes) {
    const std::vector<PageWrite> writes = {{PageNo(3), quorum::RecordKind::kDelta, 0, bytes}};
    h_.Tell(MtrIssued{1, Epoch(1), Lsn(first), Lsn(commit), &writes, CommitTime(1)});
  }
  void Keep(const std::vector<NodeIndex>& nodes) {
    for (const NodeIndex node : nodes) {
      h_.Persist(node, {storage_node::PutMeta{storage_node::PathKey(kPg, kClone), "any"}});
    }
  }
  void Make(uint64_t at) {
    const quorum::Manifest manifest = OnePg();
    h_.Tell(CloneMade{kClone, &manifest, Lsn(at)});
  }
  void Read(const std::string& bytes, uint64_t page_lsn, uint64_t at = 103) {
    std::string page = bytes;
    page.resize(4096);
    const quorum::Path history = quorum::Path::Root(kVolume);
    h_.Tell(CloneRead{kClone, Lsn(103), {1, 0, PageNo(3), Lsn(at), Lsn(page_lsn), page, &history}});
  }

  History h_;
};

TEST_F(Clones, AcceptWhatTheParentWasAtTheFork) {
  Keep({0, 1, 2, 3});
  Make(103);
  Read("first", 103);
  EXPECT_EQ(h_.failure(), "accepted");
}

TEST_F(Clones, RefuseOneThatOnlyThreeDisksHave) {
  Keep({0, 1, 2});
  Make(103);
  EXPECT_THAT(h_.failure(), HasSubstr("only 3 disks have it"));
}

TEST_F(Clones, RefuseAForkInsideAnMtr) {
  Keep({0, 1, 2, 3});
  Make(102);
  EXPECT_THAT(h_.failure(), HasSubstr("which is no commit"));
}

TEST_F(Clones, RefuseWhatTheParentWroteLater) {
  Keep({0, 1, 2, 3});
  Make(103);
  Read("second", 105);
  EXPECT_THAT(h_.failure(), HasSubstr("has LSN 105"));
}

TEST_F(Clones, RefuseAnotherPage) {
  Keep({0, 1, 2, 3});
  Make(103);
  Read("fir_t", 103);
  EXPECT_THAT(h_.failure(), HasSubstr("differs from its parent there from byte 3"));
}

TEST_F(Clones, RefuseAReadBelowTheFork) {
  Keep({0, 1, 2, 3});
  Make(103);
  Read("", 0, 50);
  EXPECT_THAT(h_.failure(), HasSubstr("is read at 50"));
}

}  // namespace
}  // namespace hexad::sim
