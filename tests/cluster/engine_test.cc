// The engine's header against six real storage nodes: what is written is read, what is left with
// three, and what comes back by itself. Who is fenced: engine_fencing_test.cc.
#include <atomic>
#include <mutex>
#include <thread>

#include "tests/cluster/engine_fixture.h"

namespace hexad::compute {
namespace {

TEST_F(EngineTest, ReadsBackWhatItWrote) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_EQ(volume->Status().mode, VolumeMode::kReadWrite);
  const auto lsn = Put(*volume, 7, "hello");
  ASSERT_TRUE(lsn.ok()) << lsn.status();
  EXPECT_GE(volume->vdl(), *lsn);
  const auto page = volume->ReadPage(PageNo(7), volume->vdl());
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(Text(*page, 5), "hello");
  EXPECT_EQ(page->page_lsn, *lsn);
  const auto empty = volume->ReadNewest(PageNo(8));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->page, std::string(4096, '\0'));
  EXPECT_TRUE(empty->page_lsn.IsNone());
}

TEST_F(EngineTest, ReopeningFindsEverythingUnderAHigherEpoch) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  for (uint32_t page = 0; page < 20; ++page) {
    ASSERT_TRUE(Put(*volume, page, "page " + std::to_string(page)).ok());
  }
  const EpochId first = volume->Status().epoch;
  volume.reset();
  volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_GT(volume->Status().epoch, first);
  for (uint32_t page = 0; page < 20; ++page) {
    const std::string wanted = "page " + std::to_string(page);
    const auto read = volume->ReadPage(PageNo(page), volume->vdl());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Text(*read, wanted.size()), wanted);
  }
  ASSERT_TRUE(Put(*volume, 3, "again").ok());
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(3)), 5), "again");
}

TEST_F(EngineTest, NamesAreRegisteredOnce) {
  Create();
  EXPECT_TRUE(absl::IsAlreadyExists(cluster_->Create("main", {})));
  EXPECT_TRUE(absl::IsNotFound(cluster_->Find("other").status()));
  EXPECT_TRUE(absl::IsNotFound(cluster_->Open("other", {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(cluster_->Create("no/slashes", {})));
  EXPECT_TRUE(absl::IsInvalidArgument(cluster_->Create("odd", {.page_size = 5000})));
  EXPECT_TRUE(absl::IsInvalidArgument(cluster_->Create("weak", {.write = 3})));
  const auto entry = nodes_.Connect()->Find("main");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->first_pg.members.size(), 6u);
  EXPECT_EQ(entry->pages_per_pg, 262144u);
  const auto list = cluster_->List();
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].name, "main");
}

TEST_F(EngineTest, OfTwoWhoCreateTheSameNameOneWins) {
  const auto other = nodes_.Connect();
  absl::Status a;
  absl::Status b;
  std::thread first([&] { a = cluster_->Create("main", {}); });
  std::thread second([&] { b = other->Create("main", {}); });
  first.join();
  second.join();
  EXPECT_NE(a.ok(), b.ok()) << a << " / " << b;
  EXPECT_TRUE(absl::IsAlreadyExists(a.ok() ? b : a)) << a << " / " << b;
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_TRUE(Put(*volume, 0, "x").ok());
}

TEST_F(EngineTest, DropWaitsForTheWriterToBeGone) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  ASSERT_TRUE(Put(*volume, 0, "x").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(cluster_->Drop("main", false)));
  volume.reset();
  const absl::Status dropped = cluster_->Drop("main", true);
  EXPECT_TRUE(dropped.ok()) << dropped;
  EXPECT_TRUE(absl::IsNotFound(cluster_->Find("main").status()));
  Create();  // the name is free again, and the volume is empty
  volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_TRUE(volume->vdl().IsNone());
}

TEST_F(EngineTest, WrongArgumentsSaySo) {
  Create({.pages_per_pg = 8});
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_TRUE(absl::IsInvalidArgument(volume->Commit(volume->BeginMtr()).status())) << "no changes";
  EXPECT_TRUE(absl::IsInvalidArgument(volume->Commit(Mtr(8192)).status())) << "wrong page size";
  Mtr far = volume->BeginMtr();
  ASSERT_TRUE(far.Write(PageNo(0xffffffff), 0, "x").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(volume->Commit(std::move(far)).status()));
  EXPECT_TRUE(absl::IsOutOfRange(volume->ReadPage(PageNo(8), Lsn::None()).status()));
  EXPECT_TRUE(absl::IsOutOfRange(volume->ReadPage(PageNo(0), Lsn(99)).status())) << "above VDL";
  EXPECT_TRUE(absl::IsInvalidArgument(volume->WaitDurable(Lsn(99), kPatience))) << "never issued";
}

TEST_F(EngineTest, LalIsALimitOfTheFormat) {
  Create({.pages_per_pg = 8});
  OpenOptions options;
  options.writer.lal = quorum::kMaxLal + 1;
  EXPECT_TRUE(absl::IsInvalidArgument(cluster_->Open("main", options).status()));
  options.writer.lal = 2;
  auto volume = cluster_->Open("main", options);
  ASSERT_TRUE(volume.ok()) << volume.status();
  Mtr three = (*volume)->BeginMtr();
  for (uint32_t page : {0, 1, 2}) ASSERT_TRUE(three.Write(PageNo(page), 0, "x").ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*volume)->Commit(std::move(three)).status()))
      << "it could never be issued";
}

TEST_F(EngineTest, AVolumeGrowsByItself) {
  Create({.pages_per_pg = 4});
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  const auto far = Put(*volume, 17, "in the fifth PG");
  ASSERT_TRUE(far.ok()) << far.status();
  EXPECT_EQ(volume->Status().manifest.pgs.size(), 5u);
  ASSERT_TRUE(Put(*volume, 2, "in the first").ok());
  Mtr both = volume->BeginMtr();
  ASSERT_TRUE(both.Write(PageNo(1), 0, "both").ok());
  ASSERT_TRUE(both.Write(PageNo(16), 0, "both").ok());
  const auto lsn = volume->Commit(std::move(both));
  ASSERT_TRUE(lsn.ok()) << lsn.status();
  ASSERT_TRUE(volume->WaitDurable(*lsn, kPatience).ok());
  volume.reset();
  volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_EQ(volume->Status().manifest.pgs.size(), 5u);
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(17)), 15), "in the fifth PG");
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(2)), 12), "in the first");
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(16)), 4), "both");
}

TEST_F(EngineTest, TruncatedPagesReadAsZeros) {
  Create({.pages_per_pg = 4});
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  for (uint32_t page = 0; page < 10; ++page) ASSERT_TRUE(Put(*volume, page, "old").ok());
  Mtr mtr = volume->BeginMtr();
  mtr.Truncate(PageNo(3));
  ASSERT_TRUE(mtr.Write(PageNo(5), 0, "new").ok());
  const auto lsn = volume->Commit(std::move(mtr));
  ASSERT_TRUE(lsn.ok()) << lsn.status();
  const auto check = [&] {
    EXPECT_EQ(Text(*volume->ReadNewest(PageNo(2)), 3), "old");
    EXPECT_EQ(volume->ReadNewest(PageNo(3))->page, std::string(4096, '\0'));
    EXPECT_EQ(Text(*volume->ReadNewest(PageNo(5)), 3), "new");
    EXPECT_EQ(volume->ReadNewest(PageNo(9))->page, std::string(4096, '\0'));
  };
  check();
  ASSERT_TRUE(volume->WaitDurable(*lsn, kPatience).ok());
  volume.reset();
  volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  check();
}

TEST_F(EngineTest, AnOldReadPointStaysReadableWhileItIsPinned) {
  Create();
  OpenOptions small;
  small.cache_bytes = 4 * 4096;  // pages come back from storage
  auto volume = OpenVolume(*cluster_, small);
  ASSERT_NE(volume, nullptr);
  for (uint32_t page = 0; page < 40; ++page) {
    ASSERT_TRUE(Put(*volume, page, "old " + std::to_string(page)).ok());
  }
  const auto view = volume->PinReadPoint();
  for (uint32_t page = 0; page < 40; ++page) ASSERT_TRUE(Put(*volume, page, "new").ok());
  for (uint32_t page = 0; page < 40; ++page) {
    const std::string wanted = "old " + std::to_string(page);
    const auto old = volume->ReadPage(PageNo(page), view->read_point());
    ASSERT_TRUE(old.ok()) << old.status();
    EXPECT_EQ(Text(*old, wanted.size()), wanted);
    const auto newest = volume->ReadNewest(PageNo(page));
    ASSERT_TRUE(newest.ok()) << newest.status();
    EXPECT_EQ(Text(*newest, 3), "new");
  }
  EXPECT_GT(volume->Statistics().cache_misses, 40u);
  EXPECT_LE(volume->Statistics().cache_bytes, 2 * small.cache_bytes);
}

TEST_F(EngineTest, CommitsAreToldInLsnOrder) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  constexpr int kCommits = 300;
  std::mutex mutex;
  std::vector<Lsn> told;
  std::vector<Lsn> issued;
  for (int i = 0; i < kCommits; ++i) {
    Mtr mtr = volume->BeginMtr();
    ASSERT_TRUE(mtr.Write(PageNo(static_cast<uint32_t>(i % 7)), 0, std::to_string(i)).ok());
    const auto lsn = volume->Commit(std::move(mtr));
    ASSERT_TRUE(lsn.ok()) << lsn.status();
    issued.push_back(*lsn);
    volume->OnDurable(*lsn, [&, lsn = *lsn](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_GE(volume->vdl(), lsn) << "acknowledged if and only if VDL >= LSN";
      const std::lock_guard lock(mutex);
      told.push_back(lsn);
    });
  }
  ASSERT_TRUE(volume->WaitDurable(issued.back(), kPatience).ok());
  EXPECT_TRUE(Eventually([&] {
    const std::lock_guard lock(mutex);
    return told.size() == kCommits;
  }));
  EXPECT_EQ(told, issued);
  EXPECT_EQ(volume->Statistics().mtrs, static_cast<uint64_t>(kCommits));
}

TEST_F(EngineTest, TwoNodesMayGoAndComeBack) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  nodes_.Stop(1);
  nodes_.Stop(4);
  for (uint32_t page = 0; page < 30; ++page) {
    const auto lsn = Put(*volume, page, "without two");
    ASSERT_TRUE(lsn.ok()) << lsn.status();
  }
  nodes_.Start(1);
  nodes_.Start(4);
  EXPECT_TRUE(Eventually([&] {
    const VolumeStatus status = volume->Status();
    for (const auto& member : status.pgs[0].members) {
      if (!member.up || member.lag_lsns > 0) return false;
    }
    return true;
  })) << "what they missed must reach them";
}

TEST_F(EngineTest, WithThreeNodesWritesStopAndReadsGoOn) {
  Create();
  OpenOptions options;
  options.commit_timeout = Duration::Seconds(4);
  options.cache_bytes = 4 * 4096;
  auto volume = OpenVolume(*cluster_, options);
  ASSERT_NE(volume, nullptr);
  for (uint32_t page = 0; page < 20; ++page) ASSERT_TRUE(Put(*volume, page, "before").ok());
  for (const int node : {1, 2, 3}) nodes_.Stop(node);
  const auto unknown = Put(*volume, 0, "perhaps");
  EXPECT_EQ(UserErrorOf(unknown.status()), UserError::kCommitUnknown) << unknown.status();
  const auto refused = Put(*volume, 0, "no");
  EXPECT_EQ(UserErrorOf(refused.status()), UserError::kReadOnly) << refused.status();
  EXPECT_EQ(volume->Status().mode, VolumeMode::kReadOnly);
  for (uint32_t page = 1; page < 20; ++page) {
    const auto read = volume->ReadPage(PageNo(page), volume->vdl());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Text(*read, 6), "before");
  }
  nodes_.Start(2);
  EXPECT_TRUE(Eventually([&] { return Put(*volume, 0, "after").ok(); }));
  EXPECT_EQ(volume->Status().mode, VolumeMode::kReadWrite);
}

TEST_F(EngineTest, OpenedWithThreeNodesItBecomesWritableWithTheFourth) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  for (uint32_t page = 0; page < 20; ++page) ASSERT_TRUE(Put(*volume, page, "before").ok());
  volume.reset();
  for (const int node : {4, 5, 6}) nodes_.Stop(node);
  volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  EXPECT_EQ(volume->Status().mode, VolumeMode::kReadOnly);
  EXPECT_EQ(UserErrorOf(Put(*volume, 0, "no").status()), UserError::kReadOnly);
  for (uint32_t page = 0; page < 20; ++page) {
    const auto read = volume->ReadPage(PageNo(page), volume->vdl());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Text(*read, 6), "before");
  }
  nodes_.Start(5);
  EXPECT_TRUE(Eventually([&] { return volume->Status().mode == VolumeMode::kReadWrite; }))
      << volume->Status().reason;
  EXPECT_TRUE(Put(*volume, 0, "after").ok());
  EXPECT_EQ(Text(*volume->ReadNewest(PageNo(19)), 6), "before");
}

TEST_F(EngineTest, AReadOnlyOpenFencesNobodyAndSeesWhatIsNew) {
  Create();
  auto writer = OpenVolume(*cluster_);
  ASSERT_NE(writer, nullptr);
  ASSERT_TRUE(Put(*writer, 1, "one").ok());
  OpenOptions read_only;
  read_only.read_only = true;
  const auto elsewhere = nodes_.Connect();
  auto reader = OpenVolume(*elsewhere, read_only);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->Status().mode, VolumeMode::kReadOnly);
  EXPECT_EQ(UserErrorOf(Put(*reader, 1, "no").status()), UserError::kReadOnly);
  const auto wait_for = [&](const std::string& text) {
    return Eventually([&] {
      const auto view = reader->PinReadPoint();
      const auto page = reader->ReadPage(PageNo(1), view->read_point());
      EXPECT_TRUE(page.ok() || absl::IsOutOfRange(page.status())) << page.status();
      return page.ok() && Text(*page, text.size()) == text;
    });
  };
  EXPECT_TRUE(wait_for("one"));
  ASSERT_TRUE(Put(*writer, 1, "two").ok());
  EXPECT_TRUE(wait_for("two"));
  EXPECT_TRUE(Put(*writer, 1, "six").ok()) << "the writer is still the writer";
  EXPECT_TRUE(wait_for("six"));
  // The writer changes; the reader follows.
  auto next = OpenVolume(*nodes_.Connect());
  ASSERT_NE(next, nullptr);
  ASSERT_TRUE(Put(*next, 1, "ten").ok());
  EXPECT_TRUE(wait_for("ten"));
}

TEST_F(EngineTest, ANodeThatLostItsDiskCountsForNothing) {
  Create();
  auto volume = OpenVolume(*cluster_);
  ASSERT_NE(volume, nullptr);
  ASSERT_TRUE(Put(*volume, 1, "x").ok());
  nodes_.Stop(1);
  nodes_.Stop(2);
  nodes_.Wipe(2);
  nodes_.Start(2);
  ASSERT_TRUE(Put(*volume, 1, "y").ok()) << "four are left";
  nodes_.Stop(3);
  const auto lsn = Put(*volume, 1, "z");
  EXPECT_FALSE(lsn.ok()) << "three and an amnesiac are three";
}

}  // namespace
}  // namespace hexad::compute
