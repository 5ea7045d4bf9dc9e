#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/audit.hpp"
#include "countersign/base/result.hpp"

namespace countersign::evidence {

// A request in an export: its rows as they are, and where the log has its leaves.
struct RequestFile {
    app::RecordedCase recorded;
    std::vector<app::LoggedLeaf> logged;  // without hashes, which are worked out
};
std::string text_of(const RequestFile& file);
// invalid_input: not such a file.
Result<RequestFile> read_request_file(std::string_view text);

}  // namespace countersign::evidence
