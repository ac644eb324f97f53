#include "tests/sim/checkers/one_writer.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void OneWriterChecker::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) OnIssued(*issued);
  if (const auto* opened = std::get_if<EpochOpened>(&event)) OnOpened(*opened);
}

void OneWriterChecker::OnIssued(const MtrIssued& issued) {
  const auto tenure = tenures_.find(issued.epoch);
  if (tenure == tenures_.end() || tenure->second.writer != issued.writer) {
    return Fail(absl::StrCat("process ", issued.writer, " issues LSN ", issued.first.value(),
                             " in epoch ", issued.epoch.number, ", which is not its own"));
  }
  Lsn& issued_to = tenure->second.issued_to;
  Expect(issued.first >= tenure->second.first_lsn && issued.first > issued_to &&
             issued.commit >= issued.first,
         "epoch ", issued.epoch.number, ", which starts at ", tenure->second.first_lsn.value(),
         " and has issued up to ", issued_to.value(), ", issues [", issued.first.value(), ",",
         issued.commit.value(), "]");
  issued_to = issued.commit;
  const auto next = std::next(tenure);
  Expect(next == tenures_.end() || issued.commit < next->second.first_lsn, "epoch ",
         issued.epoch.number, " issues LSN ", issued.commit.value(), ", and epoch ",
         next == tenures_.end() ? 0 : next->first.number, " has started below it");
}

void OneWriterChecker::OnOpened(const EpochOpened& opened) {
  const quorum::WriterStart& start = *opened.start;
  const auto [at, is_new] =
      tenures_.emplace(start.epoch, Tenure{opened.writer, start.first_lsn, Lsn::None()});
  Expect(is_new, "epoch ", start.epoch.number, " is opened a second time");
  Expect(start.first_lsn > start.vdl, "epoch ", start.epoch.number, " starts at ",
         start.first_lsn.value(), ", not above its own fork");
  // The one before has issued below this one's start, this one starts below the next one's.
  if (at != tenures_.begin()) {
    const auto& [epoch, before] = *std::prev(at);
    Expect(before.issued_to < start.first_lsn && before.first_lsn < start.first_lsn, "epoch ",
           start.epoch.number, " starts at ", start.first_lsn.value(), ", and epoch ", epoch.number,
           " starts at ", before.first_lsn.value(), " and has issued LSN ",
           before.issued_to.value());
  }
  if (const auto next = std::next(at); next != tenures_.end()) {
    Expect(start.first_lsn < next->second.first_lsn, "epoch ", start.epoch.number, " starts at ",
           start.first_lsn.value(), ", above epoch ", next->first.number);
  }
}

}  // namespace hexad::sim
