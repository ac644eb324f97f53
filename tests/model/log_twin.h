// The log as it must be, kept by the dumbest means: one entry per record, back-links found by
// looking back. Every boxcar that the writer sends is compared with it, byte for byte of meaning.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "quorum/boxcar.h"
#include "quorum/volume_writer.h"

namespace hexad::model {

class LogTwin {
 public:
  struct Record {
    size_t pg_index = 0;
    quorum::RecordView view;  // payload lives in `payload`
    std::string payload;
  };

  LogTwin(const quorum::WriterStart& start) : start_(start), last_(start.vdl) {}

  // The writer issued this MTR at [first, commit].
  void Issued(const quorum::SubmitMtr& mtr, Lsn first, Lsn commit) {
    ASSERT_EQ(first, records_.empty() ? start_.first_lsn : last_.Next());
    ASSERT_EQ(commit, first.Plus(mtr.changes.size() - 1));
    std::map<PageNo, Lsn> in_mtr;
    Lsn lsn = first;
    for (const quorum::PageChange& change : mtr.changes) {
      Record& record = records_[lsn];
      record.pg_index = start_.manifest.PgIndexOf(change.page);
      record.payload = std::string(change.payload);
      record.view.lsn = lsn;
      record.view.volume_prev = last_;
      record.view.pg_prev = TailOf(record.pg_index, lsn.Prev());
      record.view.page_prev = in_mtr.contains(change.page) ? in_mtr[change.page] : change.page_prev;
      record.view.page = change.page;
      record.view.epoch_number = start_.epoch.number;
      record.view.kind = change.kind;
      if (lsn == first) record.view.flags |= quorum::RecordFlags::kMtrBegin;
      if (lsn == commit) {
        record.view.flags |= quorum::RecordFlags::kCpl;
        record.view.commit_time = mtr.commit_time;
      }
      in_mtr[change.page] = lsn;
      chains_[record.pg_index].push_back(lsn);
      last_ = lsn;
      lsn = lsn.Next();
    }
    cpls_.push_back(commit);
  }

  // The PG's last record at or below `lsn`.
  Lsn TailOf(size_t pg_index, Lsn lsn) const {
    Lsn tail = start_.pg_paths.size() > pg_index ? start_.pg_paths[pg_index].fork_tail() : Lsn();
    const auto chain = chains_.find(pg_index);
    if (chain == chains_.end()) return tail;
    for (const Lsn candidate : chain->second) {
      if (candidate <= lsn) tail = candidate;
    }
    return tail;
  }

  void ExpectSame(const quorum::Boxcar& boxcar) const {
    quorum::RecordCursor cursor(boxcar);
    quorum::RecordView seen;
    while (cursor.Next(seen)) {
      const auto expected = records_.find(seen.lsn);
      ASSERT_NE(expected, records_.end()) << "LSN " << seen.lsn << " was never issued";
      const quorum::RecordView& view = expected->second.view;
      EXPECT_EQ(seen.volume_prev, view.volume_prev) << seen.lsn;
      EXPECT_EQ(seen.pg_prev, view.pg_prev) << seen.lsn;
      EXPECT_EQ(seen.page_prev, view.page_prev) << seen.lsn;
      EXPECT_EQ(seen.page, view.page) << seen.lsn;
      EXPECT_EQ(seen.epoch_number, view.epoch_number) << seen.lsn;
      EXPECT_EQ(seen.kind, view.kind) << seen.lsn;
      EXPECT_EQ(seen.flags, view.flags) << seen.lsn;
      EXPECT_EQ(seen.commit_time, view.commit_time) << seen.lsn;
      EXPECT_EQ(seen.payload, expected->second.payload) << seen.lsn;
    }
  }

  bool IsCpl(Lsn lsn) const { return std::count(cpls_.begin(), cpls_.end(), lsn) == 1; }
  Lsn last() const { return last_; }
  const std::vector<Lsn>& cpls() const { return cpls_; }
  size_t pg_count() const { return chains_.size(); }
  const std::map<size_t, std::vector<Lsn>>& chains() const { return chains_; }

 private:
  quorum::WriterStart start_;
  std::map<Lsn, Record> records_;
  std::map<size_t, std::vector<Lsn>> chains_;
  std::vector<Lsn> cpls_;
  Lsn last_;
};

}  // namespace hexad::model
