#include "compute/sql/databases.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hexad::compute::sql {
namespace {

absl::StatusOr<Lsn> PositionIn(const std::string& text) {
  uint64_t lsn = 0;
  if (absl::SimpleAtoi(text, &lsn)) return Lsn(lsn);
  return absl::InvalidArgumentError(
      absl::StrCat("\"@", text, "\" is no position: what follows the @ is an LSN"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Database>> Databases::Find(const std::string& name) {
  const size_t at = name.find('@');
  auto volume = find_(name.substr(0, at));
  if (!volume.ok()) return volume.status();
  if (at != std::string::npos) {
    const auto position = PositionIn(name.substr(at + 1));
    if (!position.ok()) return position.status();
    return Database::AsOf(*std::move(volume), *position);
  }
  const std::lock_guard lock(mutex_);
  auto known = by_name_[name].lock();
  if (known != nullptr && &known->volume() == volume->get()) return known;
  known = std::make_shared<Database>(*std::move(volume));
  by_name_[name] = known;
  return known;
}

}  // namespace hexad::compute::sql
