#include "core/folders.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace countersign::core {
namespace {

using Names = std::vector<std::string_view>;

bool plain_path(std::string_view name) {
    constexpr std::string_view signs = "_./@+-%~";
    return name.starts_with('/') && std::ranges::all_of(name, [&](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      signs.find(c) != signs.npos;
           });
}

Names parts_of(std::string_view list) {
    Names names;
    for (;;) {
        const auto colon = std::min(list.find(':'), list.size());
        names.push_back(list.substr(0, colon));
        if (colon == list.size()) return names;
        list.remove_prefix(colon + 1);
    }
}

// The beginning of a name that ends before its first slash after `from`.
std::string_view folder_of(std::string_view name, std::size_t from) {
    return name.substr(0, name.find('/', from));
}

bool is_in(std::string_view name, std::string_view folder) {
    return name.starts_with(folder) && (name.size() == folder.size() || name[folder.size()] == '/');
}

// The longest folder that all of these are in, or are.
std::string_view common_folder(std::span<const std::string_view> names) {
    std::string_view common = folder_of(names.front(), 1);
    for (;;) {
        if (common.size() == names.front().size()) return common;
        const auto longer = folder_of(names.front(), common.size() + 1);
        if (!std::ranges::all_of(names, [&](std::string_view name) { return is_in(name, longer); }))
            return common;
        common = longer;
    }
}

// The depth is bounded by the number of slashes in a list, folded_bytes_max at most.
void fold_to(std::string& out, std::span<const std::string_view> names, char separator) {
    for (std::size_t i = 0; i < names.size();) {
        if (i > 0) out += separator;
        const auto first = folder_of(names[i], 1);
        std::size_t end = i + 1;
        while (end < names.size() && !first.empty() && is_in(names[end], first)) ++end;
        if (end == i + 1) {
            out += names[i++];
            continue;
        }
        const auto alike = names.subspan(i, end - i);
        const auto common = common_folder(alike);
        Names rest;
        for (std::string_view name : alike) rest.push_back(name.substr(common.size()));
        out += common;
        if (std::ranges::none_of(rest, &std::string_view::empty)) {
            out += '/';
            for (std::string_view& name : rest) name.remove_prefix(1);
        }
        out += '{';
        fold_to(out, rest, ',');
        out += '}';
        i = end;
    }
}

}  // namespace

std::optional<std::string> folded_folders(std::string_view list) {
    if (list.size() > folded_bytes_max) return std::nullopt;
    const Names names = parts_of(list);
    if (names.size() < 2 || !std::ranges::all_of(names, plain_path)) return std::nullopt;
    std::string folded;
    fold_to(folded, names, ':');
    return folded.size() < list.size() ? std::optional{std::move(folded)} : std::nullopt;
}

}  // namespace countersign::core
