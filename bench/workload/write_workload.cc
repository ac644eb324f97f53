#include "bench/workload/write_workload.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/workload/ack_log.h"
#include "bench/workload/workload_record.h"

namespace hexad::workload {
namespace {

using compute::UserError;
using compute::UserErrorOf;
using std::chrono::steady_clock;

constexpr auto kLook = std::chrono::milliseconds(20);    // how often the driver looks at the time
constexpr auto kLastAnswers = std::chrono::seconds(15);  // after the end, for what is in flight
constexpr size_t kWarmThreads = 8;

Duration Since(steady_clock::time_point start) {
  return Duration::Nanos(
      std::chrono::duration_cast<std::chrono::nanoseconds>(steady_clock::now() - start).count());
}

// What completions change and the driver reads. Completions come on the volume's threads, some of
// them after the run has given up waiting: they hold it by shared_ptr.
struct Tally {
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t in_flight = 0;
  uint64_t acked = 0;
  uint64_t failed = 0;
  uint64_t unknown = 0;
  compute::Histogram commit_us;
  compute::Histogram interval_us;
  absl::Status ended;
  std::vector<AckLine> acks;  // not yet in the log
  bool keep_acks = false;
  bool driver_waits = false;
  // One MTR in flight, and nothing to do between two: the completion submits the next one itself,
  // so that no other thread has to wake up for it. It keeps the place in flight meanwhile.
  bool hand_on = false;
  bool handing_on = false;
};

// True: submit the next MTR.
bool Complete(Tally& tally, const absl::Status& status, steady_clock::time_point start,
              const AckLine& line) {
  const auto micros = static_cast<uint64_t>(Since(start).micros());
  std::unique_lock lock(tally.mutex);
  if (status.ok()) {
    ++tally.acked;
    tally.commit_us.Add(micros);
    tally.interval_us.Add(micros);
    if (tally.keep_acks) tally.acks.push_back(line);
    if (tally.hand_on && tally.ended.ok()) return tally.handing_on = true;
  } else {
    ++tally.unknown;
    if (tally.ended.ok()) tally.ended = status;
  }
  --tally.in_flight;
  const bool wake = tally.driver_waits;
  lock.unlock();
  if (wake) tally.changed.notify_one();
  return false;
}

class WriteRun {
 public:
  WriteRun(compute::Volume& volume, const WriteOptions& options)
      : volume_(volume),
        options_(options),
        groups_(options.pages / options.records_per_mtr),
        slots_(volume.page_size() / options.record_bytes),
        base_(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count())) {}

  absl::StatusOr<WriteResult> Run() {
    if (!options_.ack_log.empty()) {
      auto log = AckLogWriter::Open(options_.ack_log);
      if (!log.ok()) return log.status();
      ack_log_ = *std::move(log);
      tally_->keep_acks = true;
    }
    tally_->hand_on = options_.depth == 1 && ack_log_ == nullptr;  // the driver writes the ack log
    Warm();
    const compute::VolumeStatistics before = volume_.Statistics();
    start_ = last_progress_ = steady_clock::now();
    while (WaitForRoom(next_)) {
      if (!Submit()) break;
    }
    const absl::Status log_status = WaitForLastAnswers();
    if (!log_status.ok()) return log_status;
    return Summarize(before);
  }

 private:
  // Reads the working set into the cache: a record names its page's last LSN.
  void Warm() {
    std::atomic<uint32_t> next{0};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kWarmThreads; ++i) {
      threads.emplace_back([&] {
        for (uint32_t page = next++; page < options_.pages; page = next++) {
          if (!volume_.ReadNewest(PageNo(page)).ok()) return;  // not there yet, or Commit will say
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  bool IsOver(uint64_t n) const {
    if (options_.interrupted()) return true;
    if (options_.count > 0) return n >= options_.count;
    return Since(start_) >= options_.duration;
  }

  // False if the run is over.
  bool WaitForRoom(uint64_t n) {
    for (;;) {
      // Time is looked at now and then: a run is much longer than its MTRs.
      if ((n % 64 == 0 || options_.count > 0 || in_flight_guess_ >= options_.depth) && IsOver(n)) {
        return false;
      }
      std::unique_lock lock(tally_->mutex);
      if (tally_->in_flight >= options_.depth && tally_->ended.ok()) {
        tally_->driver_waits = true;
        tally_->changed.wait_for(
            lock, kLook, [&] { return tally_->in_flight < options_.depth || !tally_->ended.ok(); });
        tally_->driver_waits = false;
      }
      if (!tally_->ended.ok()) return false;
      in_flight_guess_ = tally_->in_flight;
      const bool room = tally_->in_flight < options_.depth;
      std::vector<AckLine> acks;
      if (tally_->acks.size() >= kAckBatch || !room) acks.swap(tally_->acks);
      lock.unlock();
      Log(acks);
      MaybeProgress();
      if (room) return true;
    }
  }

  absl::StatusOr<compute::Mtr> NextMtr(AckLine& line) {
    const uint64_t n = next_;
    compute::Mtr mtr = volume_.BeginMtr();
    WorkloadRecord record;
    record.sequence = base_ + n;
    record.length = options_.record_bytes;
    record.count = options_.records_per_mtr;
    record.offset = static_cast<uint32_t>(n / groups_ % slots_) * options_.record_bytes;
    const auto first = static_cast<uint32_t>(n % groups_) * options_.records_per_mtr;
    for (record.position = 0; record.position < record.count; ++record.position) {
      record.page = PageNo(first + record.position);
      EncodeRecord(record, bytes_);
      const absl::Status status = mtr.Write(record.page, record.offset, bytes_);
      if (!status.ok()) return status;
      if (record.position == 0) line.record = record;
    }
    return mtr;
  }

  // One MTR. False if it was refused for good.
  bool Submit() {
    AckLine line;
    absl::StatusOr<compute::Mtr> mtr = NextMtr(line);
    if (!mtr.ok()) return Refused(mtr.status());
    {
      const std::lock_guard lock(tally_->mutex);
      ++tally_->in_flight;
    }
    const auto start = steady_clock::now();
    const absl::StatusOr<Lsn> lsn = volume_.Commit(*std::move(mtr));
    if (!lsn.ok()) {
      const std::lock_guard lock(tally_->mutex);
      --tally_->in_flight;
      return RefusedLocked(lsn.status());
    }
    AwaitDurable(*lsn, start, line);
    return true;
  }

  // Completions only: the next MTR takes the place in flight of the one before it. What must wait
  // or was refused is left to the driver.
  void HandOn() {
    AckLine line;
    std::optional<Lsn> lsn;
    const auto start = steady_clock::now();
    if (options_.count == 0 || next_ < options_.count) {
      const auto mtr = NextMtr(line);
      const auto submitted = mtr.ok() ? volume_.TryCommit(*mtr) : mtr.status();
      if (submitted.ok()) lsn = *submitted;
    }
    if (lsn.has_value()) AwaitDurable(*lsn, start, line);
    const std::lock_guard lock(tally_->mutex);
    tally_->handing_on = false;
    if (!lsn.has_value()) --tally_->in_flight;
    if (!lsn.has_value() || !tally_->hand_on) tally_->changed.notify_one();
  }

  void AwaitDurable(Lsn lsn, steady_clock::time_point start, AckLine line) {
    ++next_;
    line.lsn = lsn;
    volume_.OnDurable(lsn, [tally = tally_, run = this, start, line](const absl::Status& status) {
      if (Complete(*tally, status, start, line)) run->HandOn();
    });
  }

  bool Refused(const absl::Status& status) {
    const std::lock_guard lock(tally_->mutex);
    return RefusedLocked(status);
  }
  bool RefusedLocked(const absl::Status& status) {
    ++tally_->failed;
    if (tally_->ended.ok()) tally_->ended = status;
    return false;
  }

  void Log(const std::vector<AckLine>& acks) {
    if (ack_log_ == nullptr || acks.empty()) return;
    for (const AckLine& line : acks) ack_log_->Add(line);
    const absl::Status status = ack_log_->Flush();
    if (!status.ok()) Refused(status);
  }

  absl::Status WaitForLastAnswers() {
    std::vector<AckLine> acks;
    {
      std::unique_lock lock(tally_->mutex);
      tally_->driver_waits = true;
      tally_->hand_on = false;
      tally_->changed.wait_for(lock, kLastAnswers, [&] { return tally_->in_flight == 0; });
      tally_->changed.wait(lock, [&] { return !tally_->handing_on; });  // it uses this run
      tally_->unknown += std::exchange(tally_->in_flight, 0);           // never answered at all
      acks.swap(tally_->acks);
    }
    elapsed_ = Since(start_);
    Log(acks);
    return ack_log_ == nullptr ? absl::OkStatus() : ack_log_->Flush();
  }

  void MaybeProgress() {
    if (!options_.progress) return;
    const Duration interval = Since(last_progress_);
    if (interval < options_.progress_every) return;
    WriteProgress progress;
    progress.elapsed = Since(start_);
    progress.interval = interval;
    progress.vdl = volume_.vdl();
    {
      const std::lock_guard lock(tally_->mutex);
      progress.acked = tally_->acked;
      progress.failed = tally_->failed;
      progress.unknown = tally_->unknown;
      progress.interval_commit_us = std::exchange(tally_->interval_us, {});
    }
    progress.interval_acked = progress.interval_commit_us.count();
    last_progress_ = steady_clock::now();
    options_.progress(progress);
  }

  WriteResult Summarize(const compute::VolumeStatistics& before) {
    const compute::VolumeStatistics after = volume_.Statistics();
    WriteResult result;
    result.elapsed = elapsed_;
    const std::lock_guard lock(tally_->mutex);
    result.acked = tally_->acked;
    result.failed = tally_->failed;
    result.unknown = tally_->unknown;
    result.ended = tally_->ended;
    result.commit_us = tally_->commit_us;
    result.records = result.acked * options_.records_per_mtr;
    result.boxcars = after.boxcar_bytes.count() - before.boxcar_bytes.count();
    result.log_bytes = after.boxcar_bytes.sum() - before.boxcar_bytes.sum();
    for (size_t i = 0; i < result.ack_us.size(); ++i) {
      result.ack_us[i] = after.ack_us[i].Since(before.ack_us[i]);
    }
    for (const auto& [node, count] : after.fourth_ack) {
      const auto earlier = before.fourth_ack.find(node);
      const uint64_t gained = count - (earlier == before.fourth_ack.end() ? 0 : earlier->second);
      if (gained > 0) result.fourth_ack[node] = gained;
    }
    return result;
  }

  static constexpr size_t kAckBatch = 64;

  compute::Volume& volume_;
  const WriteOptions& options_;
  const uint64_t groups_;  // of neighbouring pages that one MTR writes
  const uint64_t slots_;   // records that fit a page
  const uint64_t base_;    // the first sequence: above those of every earlier run
  const std::shared_ptr<Tally> tally_ = std::make_shared<Tally>();
  std::unique_ptr<AckLogWriter> ack_log_;
  std::atomic<uint64_t> next_{0};  // the next MTR's number; the driver may look at it any time
  std::string bytes_;              // of whoever submits: the driver, or a completion that hands on
  uint64_t in_flight_guess_ = 0;
  steady_clock::time_point start_;
  steady_clock::time_point last_progress_;
  Duration elapsed_;
};

absl::Status Check(const compute::Volume& volume, const WriteOptions& options) {
  const auto refuse = [](auto&&... parts) {
    return absl::InvalidArgumentError(absl::StrCat(parts...));
  };
  if (options.depth == 0) return refuse("depth must be 1 or more");
  if (options.record_bytes < kMinRecordBytes || options.record_bytes > volume.page_size()) {
    return refuse("record bytes ", options.record_bytes, ": from ", kMinRecordBytes,
                  " to the page size, ", volume.page_size());
  }
  if (options.records_per_mtr == 0 || options.records_per_mtr > kMaxRecordsPerMtr ||
      options.records_per_mtr > options.pages) {
    return refuse("records per MTR ", options.records_per_mtr, ": from 1 to the number of pages, ",
                  options.pages);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WriteResult> RunWriteWorkload(compute::Volume& volume, const WriteOptions& options) {
  if (const absl::Status status = Check(volume, options); !status.ok()) return status;
  return WriteRun(volume, options).Run();
}

}  // namespace hexad::workload
