#include "countersign/core/account_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "countersign/base/text.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {
namespace {

constexpr std::string_view letters_and_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t policy_name_chars_max = 64;
constexpr std::string_view code = "unknown_person";

bool consists_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// "U0REQ" or "T0SIM/U0REQ", of these characters.
bool valid_chat_id(std::string_view text, std::string_view characters) {
    auto slash = text.find('/');
    if (slash == std::string_view::npos) return consists_of(text, characters);
    return consists_of(text.substr(0, slash), characters) && consists_of(text.substr(slash + 1), characters);
}

bool valid_address(std::string_view text) {
    auto at = text.rfind('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
           text.find_first_of(" \t\n") == std::string_view::npos;
}

// Describes the kinds of accounts that are no chat's.
struct OtherKind {
    std::string_view name;
    std::string_view example;
    bool (*valid)(std::string_view);
};
constexpr std::array<OtherKind, 5> other_kinds{
    {{"email", "riley@example.com", valid_address},
     {"github", "riley-dev",
      [](std::string_view t) { return consists_of(t, std::string{letters_and_digits} + "-_"); }},
     {"oidc", "https://issuer|subject", [](std::string_view t) { return t.find('|') != t.npos; }},
     {on_call_service, "PUSER01", [](std::string_view t) { return consists_of(t, letters_and_digits); }},
     {"token", "tok_01JD…", [](std::string_view t) { return t.starts_with("tok_"); }}}};

std::string upper_ascii(std::string_view text) {
    std::string upper{text};
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return upper;
}

// Leaves out what readers do not see, and blanks at the ends.
std::string plain(std::string_view text) {
    std::string rest{text};
    while (auto found = invisible_in(rest)) {
        std::size_t bytes = 1;
        while (found->at + bytes < rest.size() &&
               (static_cast<unsigned char>(rest[found->at + bytes]) & 0xC0U) == 0x80U)
            ++bytes;
        rest.erase(found->at, bytes);
    }
    return std::string{trim(rest)};
}

bool is_account(std::string_view text) {
    auto colon = text.find(':');
    if (colon == std::string_view::npos || overlooked(text)) return false;
    return std::ranges::find(account_kinds(), text.substr(0, colon)) != account_kinds().end() &&
           account_example_instead(text.substr(0, colon), text.substr(colon + 1)).empty();
}

// What whoever wrote "Slack:T0SIM/u0req" meant; where that is no account either, nothing.
std::optional<std::string> account_meant(std::string_view text) {
    auto colon = text.find(':');
    std::string kind = lower_ascii(text.substr(0, colon));
    std::string id{text.substr(colon + 1)};
    if (kind == "mailto" || kind == "mail" || kind == "e-mail") kind = "email";
    if (auto near = nearest(kind, account_kinds())) kind = *near;
    if (kind == "github" && id.starts_with('@')) id.erase(0, 1);
    for (const auto& candidate : {kind + ":" + id, kind + ":" + upper_ascii(id)})
        if (is_account(candidate)) return candidate;
    return std::nullopt;
}

// Does the same for a text without a kind.
std::optional<std::string> person_meant(std::string_view text, const Policy& policy) {
    if (text.starts_with('@')) text.remove_prefix(1);
    if (valid_address(text)) return "email:" + lower_ascii(text);
    std::vector<std::string> names;
    for (const PersonRecord& person : policy.people) {
        names.push_back(person.name.text());
        if (lower_ascii(text) == lower_ascii(person.name.text())) return person.name.text();
    }
    auto id = upper_ascii(text.substr(text.find('/') == text.npos ? 0 : text.find('/') + 1));
    for (const ChatKind& chat : chat_kinds())
        if (chat.is_account_id(id) && id.find_first_of("0123456789") != std::string::npos)
            return std::string{chat.name} + ":" + upper_ascii(text);
    return nearest(text, names);
}

std::unexpected<Failure> nobody(std::string_view text, std::string_view why,
                                const std::optional<std::string>& meant) {
    auto detail = fmt::format("\"{}\" {}", visible(clip_utf8(text, account_chars_max)), why);
    if (meant) detail += fmt::format("; did you mean \"{}\"?", *meant);
    return fail(Trouble::invalid_input, std::move(detail), std::string{code});
}

}  // namespace

bool valid_policy_name(std::string_view text) {
    return text.size() <= policy_name_chars_max &&
           consists_of(text, std::string{letters_and_digits} + "._-") &&
           letters_and_digits.find(text.front()) != std::string_view::npos;
}

const std::vector<std::string>& account_kinds() {
    static const std::vector<std::string> kinds = [] {
        std::vector<std::string> all;
        for (const ChatKind& chat : chat_kinds()) all.emplace_back(chat.name);
        for (const OtherKind& other : other_kinds) all.emplace_back(other.name);
        return all;
    }();
    return kinds;
}

std::string_view account_example_instead(std::string_view kind, std::string_view id) {
    if (const ChatKind* chat = chat_kind(kind))
        return valid_chat_id(id, chat->account_characters) ? std::string_view{} : chat->account_example;
    const auto* other = std::ranges::find(other_kinds, kind, &OtherKind::name);
    return other->valid(id) ? std::string_view{} : other->example;
}

Result<AccountId> read_account(std::string_view text) {
    auto colon = text.find(':');
    auto meant = [&] { return account_meant(plain(text)); };
    if (code_points(text) > account_chars_max)
        return nobody(text, fmt::format("is longer than {} characters", account_chars_max), {});
    if (auto found = overlooked(text)) return nobody(text, "has " + *found, meant());
    auto kind = text.substr(0, colon);
    if (colon == std::string_view::npos || std::ranges::find(account_kinds(), kind) == account_kinds().end())
        return nobody(text,
                      "is no account: write one of " + join(account_kinds(), ", ") + ", a colon, and the id",
                      meant());
    auto wanted = account_example_instead(kind, text.substr(colon + 1));
    if (!wanted.empty())
        return nobody(text, fmt::format("is no {} account: write {}", kind, wanted), meant());
    return normal(AccountId{std::string{text}});
}

Result<AccountId> read_person(std::string_view text, const Policy& policy) {
    if (text.find(':') != std::string_view::npos) return read_account(text);
    bool listed =
        std::ranges::any_of(policy.people, [&](const auto& one) { return one.name.text() == text; });
    if (listed) return AccountId{std::string{text}};
    auto shown = text.empty() ? std::optional<std::string>{} : person_meant(plain(text), policy);
    return nobody(
        text,
        "is neither a person of the policy nor an account: write a name from its `people`, or an account "
        "such as email:riley@example.com",
        shown);
}

}  // namespace countersign::core
