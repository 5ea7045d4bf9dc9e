#include "policy/files.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>

#include "countersign/adapters/policy.hpp"

namespace countersign::policy {

namespace fs = std::filesystem;

Result<std::string> read_policy_file(const fs::path& path) {
    std::ifstream stream{path, std::ios::binary};
    if (!stream) return fail(Trouble::not_found, fmt::format("cannot read the policy {}", path.string()));
    std::string bytes(policy_bytes_max + 1, '\0');
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    return bytes;
}

Result<std::vector<fs::path>> policy_files(const std::string& file_or_folder) {
    std::error_code error;
    std::vector<fs::path> files;
    if (!fs::is_directory(file_or_folder, error)) return std::vector<fs::path>{file_or_folder};
    for (fs::directory_iterator it{file_or_folder, error}, end; !error && it != end; it.increment(error)) {
        auto extension = it->path().extension();
        if ((extension == ".yaml" || extension == ".yml") && it->is_regular_file(error))
            files.push_back(it->path());
    }
    std::ranges::sort(files);
    if (error || files.empty())
        return fail(Trouble::not_found, fmt::format("there is no .yaml file to read in {}", file_or_folder));
    if (files.size() > policy_files_max)
        return fail(Trouble::too_large,
                    fmt::format("more than {} policy files in {}", policy_files_max, file_or_folder));
    return files;
}

}  // namespace countersign::policy
