#include <fmt/core.h>

#include <filesystem>
#include <system_error>

#include "countersign/adapters/audit.hpp"
#include "countersign/base/text.hpp"
#include "countersign/pages/pages.hpp"
#include "evidence/files.hpp"

namespace countersign::evidence {

Result<Done> pack_export(const std::string& folder, const std::string& file) {
    namespace fs = std::filesystem;
    std::error_code error;
    auto files = core::Value::object();
    std::size_t bytes = 0;
    for (const auto& one : fs::recursive_directory_iterator(folder, error)) {
        if (!one.is_regular_file(error)) continue;
        auto content = read_whole(one.path().string());
        if (!content) return pass(content);
        bytes += content->size();
        if (bytes > page_bytes_max)
            return fail(
                Trouble::too_large,
                fmt::format("more than {} MiB do not fit on one page: export a shorter period, or a folder",
                            page_bytes_max / 1'048'576));
        files.set(fs::relative(one.path(), folder, error).generic_string(), base64(*content));
    }
    if (error) return fail(Trouble::unavailable, fmt::format("{}: {}", visible(folder), error.message()));
    // Base64 and the paths of an export hold nothing that could end the script's element.
    return write_whole(
        file, std::string(pages::export_before) + core::canonical(files) + std::string(pages::export_after));
}

}  // namespace countersign::evidence
