// How often the manifest is written for what is retained, and what it says then.
#include "compute/core/retention_marks.h"

#include <gtest/gtest.h>

namespace hexad::compute {
namespace {

constexpr int64_t kMillisecond = 1000;  // of commit time

struct Written {
  int times = 0;
  Lsn from;
};

// A commit of `bytes` each millisecond, durable at once, for so long.
Written Write(RetentionMarks& marks, int64_t milliseconds, uint64_t bytes) {
  Written written;
  for (int64_t i = 1; i <= milliseconds; ++i) {
    const Lsn commit(static_cast<uint64_t>(i));
    marks.Issued(commit, CommitTime(i * kMillisecond), bytes);
    if (const auto retain = marks.Due(commit)) {
      ++written.times;
      written.from = retain->from;
    }
  }
  return written;
}

TEST(RetentionMarks, LittleRetainedLogDoesNotWriteTheManifestAllTheTime) {
  RetentionMarks marks;
  quorum::Retention retention;
  retention.log_bytes = 0;
  marks.SetRetention(retention);
  const Written written = Write(marks, 5000, 100);
  EXPECT_LE(written.times, 6) << "at most one in a second, and the first";
  EXPECT_GE(written.from, Lsn(3000)) << "and it follows";
}

TEST(RetentionMarks, TheWindowMovesInAThirtySecondOfItsLength) {
  RetentionMarks marks;
  quorum::Retention retention;
  retention.window_ms = 320'000;
  marks.SetRetention(retention);
  EXPECT_LE(Write(marks, 60'000, 100).times, 7);
}

TEST(RetentionMarks, NothingInReachIsForgotten) {
  RetentionMarks marks;
  quorum::Retention retention;
  retention.log_bytes = 100'000;
  marks.SetRetention(retention);
  const Written written = Write(marks, 10'000, 100);
  EXPECT_LE(written.from, Lsn(10'000 - 1'000)) << "a thousand commits are 100,000 bytes";
  EXPECT_GE(written.from, Lsn(10'000 - 4'000));
}

}  // namespace
}  // namespace hexad::compute
