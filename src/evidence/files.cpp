#include "evidence/files.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "countersign/base/text.hpp"

namespace countersign::evidence {

Result<std::string> read_whole(const std::string& path) {
    std::error_code error;
    auto size = std::filesystem::file_size(path, error);
    if (error == std::errc::no_such_file_or_directory)
        return fail(Trouble::not_found, fmt::format("{} is missing", visible(path)));
    if (error) return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), error.message()));
    if (size > export_file_bytes_max)
        return fail(Trouble::too_large, fmt::format("{} is larger than 32 MiB", visible(path)));
    std::ifstream file(path, std::ios::binary);
    std::string content(size, '\0');
    file.read(content.data(), static_cast<std::streamsize>(size));
    if (!file) return fail(Trouble::invalid_input, fmt::format("{} cannot be read", visible(path)));
    return content;
}

Result<Done> write_whole(const std::string& path, std::string_view content) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), error);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) return fail(Trouble::unavailable, fmt::format("{} cannot be written", visible(path)));
    return Done{};
}

}  // namespace countersign::evidence
