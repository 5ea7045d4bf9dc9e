#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "countersign/base/text.hpp"
#include "policy/reader.hpp"

namespace countersign {
namespace {

const std::filesystem::path zone_folder{"/usr/share/zoneinfo"};
constexpr std::size_t zone_name_chars_max = 64;
constexpr std::size_t zones_max = 2'000;

// What such a name looks like; nothing that leads out of the folder.
bool is_zone_name(std::string_view name) {
    if (name.empty() || name.size() > zone_name_chars_max) return false;
    for (const std::string& part : split(name, '/')) {
        const bool letter = !part.empty() && ((part.front() >= 'A' && part.front() <= 'Z'));
        if (!letter || part.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                              "0123456789_+-") != std::string::npos)
            return false;
    }
    return true;
}

std::optional<std::string> read_zone_file(const std::string& name) {
    std::error_code error;
    const auto path = zone_folder / name;
    if (!is_zone_name(name) || !std::filesystem::is_regular_file(path, error)) return std::nullopt;
    std::ifstream stream{path, std::ios::binary};
    std::string bytes(core::zone_bytes_max + 1, '\0');
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    return bytes;
}

std::vector<std::string> zone_names() {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::recursive_directory_iterator it{zone_folder, error};
    for (; !error && it != std::filesystem::recursive_directory_iterator{}; it.increment(error)) {
        auto name = it->path().lexically_relative(zone_folder).generic_string();
        if (it->is_regular_file(error) && is_zone_name(name) && names.size() < zones_max)
            names.push_back(std::move(name));
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace

ZoneFiles system_zones() {
    return {read_zone_file, zone_names};
}

namespace policy {

std::shared_ptr<const core::Zone> Zones::read(NodeReader& reader, const Node& node) {
    auto name = reader.text(node, "`timezone`");
    if (!name || *name == "UTC" || *name == "Etc/UTC") return nullptr;
    if (auto known = known_.find(*name); known != known_.end()) return known->second;
    auto bytes = files_.read(*name);
    if (!bytes) {
        auto names = files_.names();
        reader.error(node, names.empty()
                               ? "this machine has no time zone database: install tzdata, or use UTC"
                               : fmt::format("there is no time zone `{}`{}; write one like Europe/Berlin",
                                             visible(*name), NodeReader::hint(*name, names)));
        return nullptr;
    }
    auto zone = core::Zone::parse(*name, *bytes);
    if (!zone) {
        reader.error(node, zone.error().detail);
        return nullptr;
    }
    return known_.emplace(*name, std::make_shared<const core::Zone>(std::move(*zone))).first->second;
}

}  // namespace policy
}  // namespace countersign
