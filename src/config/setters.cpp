#include "config/setters.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "countersign/base/text.hpp"

namespace countersign::config {
namespace {

Result<std::string> read_named(const Item& item, const std::string& folder) {
    if (item.text.empty()) return wrong(item, "must be a path");
    auto read = read_file(path_in(folder, item.text), secret_bytes_max);
    if (!read) return wrong(item, fmt::format("cannot be read: {}", read.error().detail));
    return read;
}

}  // namespace

std::string path_in(const std::string& folder, const std::string& value) {
    return value.empty() || value.front() == '/' || folder.empty() ? value : folder + "/" + value;
}

Setter text(Member<std::string> member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        member.of(settings) = item.text;
        return Done{};
    };
}

Setter secret(Member<Secret> member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        member.of(settings) = Secret{item.text};
        return Done{};
    };
}

Setter list(Member<std::vector<std::string>> member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        member.of(settings) = item.items;
        return Done{};
    };
}

Setter yes_or_no(Member<bool> member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        if (item.text != "true" && item.text != "false") return wrong(item, "must be true or false");
        member.of(settings) = item.text == "true";
        return Done{};
    };
}

Setter whole_number(Member<std::size_t> member, std::size_t least, std::size_t most) {
    return [=](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        std::size_t number = 0;
        const char* end = item.text.data() + item.text.size();
        auto [stopped, error] = std::from_chars(item.text.data(), end, number);
        if (error != std::errc{} || stopped != end || item.text.empty() || number < least || number > most)
            return wrong(item, fmt::format("must be a whole number from {} to {}", least, most));
        member.of(settings) = number;
        return Done{};
    };
}

Setter path(Member<std::string> member) {
    return [member](Settings& settings, const Item& item, const std::string& folder) -> Result<Done> {
        if (item.text.empty()) return wrong(item, "must be a path");
        member.of(settings) = path_in(folder, item.text);
        return Done{};
    };
}

Setter key_file(Member<std::string> member, std::string_view what) {
    return [set = path(std::move(member)), what](Settings& settings, const Item& item,
                                                 const std::string& folder) -> Result<Done> {
        bool whole_key = unbase64(trim(item.text)).value_or("").size() == 32 ||
                         item.text.find("-----BEGIN") != std::string::npos;
        if (whole_key)
            return wrong(
                item,
                fmt::format(
                    "must be the path of a {}, and what stands there is a key or a certificate itself: put "
                    "it into a file of its own (`countersign keys create` makes the server's own keys)",
                    what));
        return set(settings, item, folder);
    };
}

Setter content(Member<std::string> member) {
    return [member](Settings& settings, const Item& item, const std::string& folder) -> Result<Done> {
        auto read = read_named(item, folder);
        if (!read) return pass(read);
        member.of(settings) = std::move(*read);
        return Done{};
    };
}

Setter secret_content(Member<Secret> member) {
    return [member](Settings& settings, const Item& item, const std::string& folder) -> Result<Done> {
        auto read = read_named(item, folder);
        if (!read) return pass(read);
        member.of(settings) = Secret{std::move(*read)};
        return Done{};
    };
}

Setter guid(Member<std::string> member) {
    return [member](Settings& settings, const Item& item, const std::string&) -> Result<Done> {
        constexpr std::size_t guid_chars = 36;
        auto id = lower_ascii(item.text);
        const bool whole = id.size() == guid_chars && std::ranges::count(id, '-') == 4 &&
                           id.find_first_not_of("0123456789abcdef-") == std::string::npos;
        if (!whole && !id.empty())
            return wrong(item, "must be an id such as 5d0c4b1e-9f3a-4c55-8a1d-2c7b1f0e9a33");
        member.of(settings) = std::move(id);
        return Done{};
    };
}

}  // namespace countersign::config
