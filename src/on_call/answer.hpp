#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/result.hpp"
#include "countersign/core/group_record.hpp"
#include "countersign/core/time.hpp"

namespace countersign::on_call {

// What is asked about one group, read back from its key; nullopt: it is no such key.
std::optional<core::GroupRecord::OnCall> read_key(std::string_view key);

// The path and query of one page of an answer, below the API's address.
std::string question(const core::GroupRecord::OnCall& asked, std::size_t offset);

// One page of `GET /oncalls`.
struct Page {
    std::vector<std::string> users;  // ids of those who are on call at that moment
    std::size_t entries = 0;
    bool more = false;
};
// Reads a page strictly: what cannot be understood fails with invalid_input, because nobody may count as on
// call by mistake.
Result<Page> read_page(std::string_view body, const core::GroupRecord::OnCall& asked, core::Instant now);

}  // namespace countersign::on_call
