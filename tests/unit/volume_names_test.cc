// How a name changes hands: what pauses for however long between two of its steps never gets a name
// that points to nothing.
#include "compute/host/volume_names.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compute/core/user_error.h"
#include "quorum/base/prng.h"

namespace hexad::compute {
namespace {

VolumeEntry Entry(uint64_t timeline) {
  VolumeEntry entry;
  entry.name = "dev";
  entry.timeline = TimelineId(timeline);
  entry.page_size = 4096;
  entry.pages_per_pg = 256;
  entry.first_pg.pg = PgId(1);
  entry.first_pg.write = 4;
  for (int i = 1; i <= 6; ++i) {
    const std::string n = std::to_string(i);
    entry.first_pg.members.push_back({NodeId("n" + n), AzId("az" + n), Incarnation(7)});
  }
  return entry;
}

// A register in which every change is decided at once.
class Name {
 public:
  template <class Change>
  absl::Status Apply(Change change) {
    auto next = change(value_);
    if (next.ok()) value_ = *std::move(next);
    return next.status();
  }
  absl::Status RegisterAsVolume(const VolumeEntry& entry) {
    return Apply([&](const std::string& now) { return RegisterVolume(now, entry); });
  }
  absl::Status RegisterAsClone(const std::string& before, const VolumeEntry& entry) {
    return Apply([&](const std::string& now) { return RegisterClone(now, before, entry); });
  }
  absl::Status TakeFrom(uint64_t timeline) {
    return Apply([&](const std::string& now) {
      return TakeNameFrom(now, "dev", TimelineId(timeline), ++random_);
    });
  }
  absl::Status Free(const VolumeEntry& entry) {
    return Apply([&](const std::string& now) { return FreeName(now, entry, ++random_); });
  }
  uint64_t Owner() const {
    const auto entry = DecodeName("dev", value_);
    EXPECT_TRUE(entry.ok()) << entry.status();
    return entry.ok() && entry->has_value() ? (*entry)->timeline.value() : 0;
  }
  const std::string& value() const { return value_; }

 private:
  std::string value_;
  uint64_t random_ = 100;
};

TEST(VolumeNamesTest, AnEntryIsReadAsItWasWritten) {
  VolumeEntry entry = Entry(0xB);
  entry.retention = {5000, 1 << 20};
  const auto read = DecodeName("dev", EncodeEntry(entry));
  ASSERT_TRUE(read.ok() && read->has_value()) << read.status();
  EXPECT_EQ(EncodeEntry(**read), EncodeEntry(entry));
  EXPECT_EQ((*read)->name, "dev");
  EXPECT_TRUE(absl::IsDataLoss(DecodeName("dev", "\xff").status()));
}

TEST(VolumeNamesTest, ACreatorThatPausedUntilItsCloneWasDroppedDoesNotGetTheName) {
  Name name;
  const std::string before = name.value();
  EXPECT_TRUE(name.TakeFrom(0xB).ok());
  EXPECT_EQ(UserErrorOf(name.RegisterAsClone(before, Entry(0xB))), UserError::kRetry);
  EXPECT_EQ(name.Owner(), 0U);
  EXPECT_TRUE(name.RegisterAsClone(name.value(), Entry(0xC)).ok()) << "the name is free";
  EXPECT_EQ(name.Owner(), 0xCU);
}

TEST(VolumeNamesTest, ACreatorThatSleptThroughAnotherVolumesWholeLifeDoesNotGetTheName) {
  for (const bool used_before : {false, true}) {
    Name name;
    if (used_before) {
      EXPECT_TRUE(name.RegisterAsVolume(Entry(0xA)).ok());
      EXPECT_TRUE(name.Free(Entry(0xA)).ok());
    }
    const std::string before = name.value();
    EXPECT_TRUE(name.RegisterAsVolume(Entry(0xC)).ok());
    EXPECT_TRUE(name.TakeFrom(0xB).ok()) << "it is another's: nothing to take";
    EXPECT_EQ(name.Owner(), 0xCU);
    EXPECT_TRUE(name.Free(Entry(0xC)).ok());
    EXPECT_EQ(UserErrorOf(name.RegisterAsClone(before, Entry(0xB))), UserError::kRetry);
  }
}

TEST(VolumeNamesTest, OneThatHasItsNameByNowKeepsIt) {
  Name name;
  EXPECT_TRUE(name.RegisterAsClone(name.value(), Entry(0xB)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(name.TakeFrom(0xB)));
  EXPECT_EQ(name.Owner(), 0xBU);
}

TEST(VolumeNamesTest, WhatIsAnothersIsRefused) {
  Name name;
  const std::string before = name.value();
  EXPECT_TRUE(name.RegisterAsVolume(Entry(0xA)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(name.RegisterAsClone(before, Entry(0xB))));
  EXPECT_TRUE(absl::IsAlreadyExists(name.RegisterAsVolume(Entry(0xC))));
  EXPECT_TRUE(absl::IsFailedPrecondition(name.Free(Entry(0xB))));
  EXPECT_EQ(name.Owner(), 0xAU);
}

TEST(VolumeNamesTest, WhatIsDoneTwiceIsDoneOnce) {
  Name name;
  const std::string before = name.value();
  EXPECT_TRUE(name.TakeFrom(0xB).ok());
  const std::string taken = name.value();
  EXPECT_TRUE(name.TakeFrom(0xB).ok());
  EXPECT_EQ(name.value(), taken) << "a clone that is just being made is not disturbed again";
  EXPECT_TRUE(name.RegisterAsClone(taken, Entry(0xC)).ok());
  EXPECT_TRUE(name.RegisterAsClone(taken, Entry(0xC)).ok());
  EXPECT_TRUE(name.Free(Entry(0xC)).ok());
  EXPECT_TRUE(name.Free(Entry(0xC)).ok());
  EXPECT_TRUE(absl::IsNotFound(name.RegisterAsVolume(Entry(0xC)))) << "it was dropped";
  EXPECT_EQ(name.Owner(), 0U);
}

// Creators, sweeps and users who create and drop volumes, all of one name, each stopped between any
// two of its steps for as long as chance has it.
class World {
 public:
  explicit World(uint64_t seed) : prng_(seed) {}

  void Step() {
    switch (prng_.Below(6)) {
      case 0:
        return Begin();
      case 1:
        return Make();
      case 2:
        return Register();
      case 3:
        return Sweep();
      case 4:
        return Drop();
      default:
        return CreateVolume();
    }
  }
  void Check() const {
    if (name_.Owner() != 0) {
      EXPECT_TRUE(segments_.contains(name_.Owner())) << "the name points to nothing";
    }
  }
  int registered() const { return registered_; }
  int swept_and_refused() const { return swept_and_refused_; }

 private:
  enum class Kind { kClone, kVolume };
  struct Creator {
    uint64_t timeline = 0;
    std::string before;
    bool made = false;
  };

  void Begin() {
    if (name_.Owner() == 0 && creators_.size() < 3) creators_.push_back({++newest_, name_.value()});
  }
  void Make() {
    if (creators_.empty()) return;
    Creator& creator = creators_[prng_.Below(creators_.size())];
    creator.made = true;
    segments_[creator.timeline] = Kind::kClone;
  }
  void Register() {
    if (creators_.empty()) return;
    const size_t which = prng_.Below(creators_.size());
    if (!creators_[which].made) return;
    const Creator creator = creators_[which];
    creators_.erase(creators_.begin() + static_cast<std::ptrdiff_t>(which));
    if (prng_.Below(4) == 0) return;  // it died
    const bool there = segments_.contains(creator.timeline);
    if (name_.RegisterAsClone(creator.before, Entry(creator.timeline)).ok()) {
      ++registered_;
    } else {
      swept_and_refused_ += there ? 0 : 1;
      segments_.erase(creator.timeline);
    }
  }
  // Two steps: what it saw nameless, it takes the name from and drops later.
  void Sweep() {
    if (seen_.has_value()) {
      const uint64_t timeline = *std::exchange(seen_, std::nullopt);
      if (name_.TakeFrom(timeline).ok()) taken_.insert(timeline);
      return;
    }
    if (!taken_.empty()) {
      segments_.erase(*taken_.begin());
      taken_.erase(taken_.begin());
      return;
    }
    for (const auto& [timeline, kind] : segments_) {
      const bool orphan = kind == Kind::kClone && timeline != name_.Owner();
      if (orphan && prng_.Below(2) == 0) seen_ = timeline;
    }
  }
  void Drop() {
    if (dropping_.has_value()) {
      segments_.erase(*std::exchange(dropping_, std::nullopt));
    } else if (const uint64_t owner = name_.Owner(); owner != 0 && prng_.Below(3) == 0) {
      EXPECT_TRUE(name_.Free(Entry(owner)).ok());
      dropping_ = owner;
    }
  }
  void CreateVolume() {
    if (prng_.Below(3) != 0) return;
    const uint64_t timeline = ++newest_;
    segments_[timeline] = Kind::kVolume;
    if (!name_.RegisterAsVolume(Entry(timeline)).ok()) segments_.erase(timeline);
  }

  Prng prng_;
  Name name_;
  uint64_t newest_ = 0;
  std::map<uint64_t, Kind> segments_;  // by timeline: what is there
  std::vector<Creator> creators_;
  std::optional<uint64_t> seen_;
  std::set<uint64_t> taken_;
  std::optional<uint64_t> dropping_;
  int registered_ = 0;
  int swept_and_refused_ = 0;
};

TEST(VolumeNamesTest, NoNameEverPointsToNothing) {
  int registered = 0;
  int refused = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    World world(seed);
    for (int step = 0; step < 100 && !HasFailure(); ++step) {
      world.Step();
      world.Check();
    }
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    registered += world.registered();
    refused += world.swept_and_refused();
  }
  EXPECT_GT(registered, 1000);
  EXPECT_GT(refused, 100) << "creators whose clone was dropped while they paused";
}

}  // namespace
}  // namespace hexad::compute
