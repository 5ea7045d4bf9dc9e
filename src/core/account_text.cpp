#include "countersign/core/account_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "countersign/base/lookalike.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/people.hpp"
#include "countersign/core/policy.hpp"

namespace countersign::core {
namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view letters_and_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t policy_name_chars_max = 64;
constexpr std::string_view code = "unknown_person";

bool consists_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// "U0REQ" or "T0SIM/U0REQ", as that chat writes its ids.
bool valid_chat_id(std::string_view text, const ChatKind& chat) {
    auto slash = text.find('/');
    if (slash == std::string_view::npos) return chat.is_account_id(text);
    return chat.is_workspace_id(text.substr(0, slash)) && chat.is_account_id(text.substr(slash + 1));
}

// Words of these characters with single dots between them.
template <class Valid>
bool dotted(std::string_view text, const Valid& valid) {
    for (;;) {
        auto dot = text.find('.');
        if (!valid(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

bool valid_host_word(std::string_view word) {
    constexpr std::size_t word_chars_max = 63;
    return word.size() <= word_chars_max && consists_of(word, std::string{letters_and_digits} + "-") &&
           word.front() != '-' && word.back() != '-';
}

// An address as mail systems give them out: RFC 5321's dot-string at a domain that has a dot. What else the
// RFC allows (quotes, literals of addresses, letters beyond ASCII) no directory has, and can be made to look
// like another one.
bool valid_address(std::string_view text) {
    constexpr std::size_t local_chars_max = 64;
    constexpr std::size_t domain_chars_max = 253;
    auto at = text.find('@');
    if (at == std::string_view::npos || at > local_chars_max || text.size() - at - 1 > domain_chars_max)
        return false;
    auto domain = text.substr(at + 1);
    auto top = domain.substr(domain.rfind('.') + 1);
    return domain.contains('.') && !consists_of(top, digits) && dotted(domain, valid_host_word) &&
           dotted(text.substr(0, at), [](std::string_view word) {
               return consists_of(word, std::string{letters_and_digits} + "!#$%&'*+/=?^_`{|}~-");
           });
}

// Logins of old accounts may begin or end with a hyphen; those that an organisation manages have a "_".
bool valid_login(std::string_view text) {
    constexpr std::size_t login_chars_max = 39;
    return text.size() <= login_chars_max && consists_of(text, std::string{letters_and_digits} + "-_") &&
           text.find_first_of(letters_and_digits) != std::string_view::npos;
}

// An issuer is a URL; some leave out the scheme. What it calls its subjects is its own.
bool valid_issuer_and_subject(std::string_view text) {
    auto bar = text.find('|');
    if (bar == std::string_view::npos || bar + 1 == text.size()) return false;
    auto issuer = text.substr(0, bar);
    if (std::ranges::any_of(issuer, [](char c) { return c <= ' ' || c >= '\x7F'; })) return false;
    bool url = issuer.starts_with("https://") || issuer.starts_with("http://");
    if (url) issuer.remove_prefix(issuer.find("//") + 2);
    auto host = issuer.substr(0, issuer.find_first_of(":/"));
    return dotted(host, valid_host_word) && (url || host.contains('.'));
}

// Describes the kinds of accounts that are no chat's.
struct OtherKind {
    std::string_view name;
    std::string_view example;
    bool (*valid)(std::string_view);
};
constexpr std::array<OtherKind, 5> other_kinds{
    {{"email", "riley@example.com", valid_address},
     {"github", "riley-dev", valid_login},
     {"oidc", "https://issuer.example|subject", valid_issuer_and_subject},
     {on_call_service, "PUSER01", [](std::string_view t) { return consists_of(t, letters_and_digits); }},
     {"token", "tok_ and 26 letters and digits, as `token list` shows it", [](std::string_view t) {
          auto token = TokenId::parse(t);
          return token && token->text() == t;
      }}}};

// Says what an account of this kind, one of account_kinds, looks like, where `id` is none; empty: it is one.
std::string_view example_instead(std::string_view kind, std::string_view id) {
    if (const ChatKind* chat = chat_kind(kind))
        return valid_chat_id(id, *chat) ? std::string_view{} : chat->account_example;
    const auto* other = std::ranges::find(other_kinds, kind, &OtherKind::name);
    return other->valid(id) ? std::string_view{} : other->example;
}

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
           example_instead(text.substr(0, colon), text.substr(colon + 1)).empty();
}

// The id alone, of "<@U0REQ|riley>", "{8f0c…}", "https://github.com/riley-dev" and "riley@example.com.".
std::string_view unwrapped(std::string_view id) {
    for (std::string_view before : {"<", "{", "@", "mailto:", "https://github.com/", "8:orgid:"})
        if (id.starts_with(before)) id.remove_prefix(before.size());
    while (!id.empty() && std::string_view{">}./"}.contains(id.back())) id.remove_suffix(1);
    return id.substr(0, id.starts_with('U') || id.starts_with('W') ? id.find('|') : id.npos);
}

// A GUID whose hyphens were left out.
std::string with_hyphens(std::string_view id) {
    constexpr std::size_t hexadecimal_digits = 32;
    std::string guid{id};
    if (guid.size() != hexadecimal_digits) return guid;
    for (std::size_t at : {20U, 16U, 12U, 8U}) guid.insert(at, 1, '-');
    return guid;
}

// What whoever wrote "Slack:T0SIM/u0req" meant; where that is no account either, nothing.
std::optional<std::string> account_meant(std::string_view text) {
    auto colon = text.find(':');
    std::string kind = lower_ascii(text.substr(0, colon));
    std::string id{unwrapped(text.substr(colon + 1))};
    if (kind == "mailto" || kind == "mail" || kind == "e-mail") kind = "email";
    if (auto near = nearest(kind, account_kinds())) kind = *near;
    auto slash = id.find('/');
    auto swapped = slash == id.npos ? id : id.substr(slash + 1) + "/" + id.substr(0, slash);
    auto token = TokenId::parse(id.starts_with(TokenTag::prefix) ? id : std::string{TokenTag::prefix} + id);
    for (const auto& candidate :
         {kind + ":" + id, kind + ":" + upper_ascii(id), kind + ":" + swapped, kind + ":" + with_hyphens(id),
          kind + ":" + (token ? token->text() : id), "email:" + id})
        if (is_account(candidate)) return candidate;
    return std::nullopt;
}

// Does the same for a text without a kind.
std::optional<std::string> person_meant(std::string_view text, const Policy& policy) {
    text = unwrapped(text);
    if (valid_address(text)) return "email:" + lower_ascii(text);
    if (auto token = TokenId::parse(text)) return "token:" + token->text();
    std::vector<std::string> names;
    for (const PersonRecord& person : policy.people) {
        names.push_back(person.name.text());
        if (lower_ascii(text) == lower_ascii(person.name.text())) return person.name.text();
    }
    auto id = upper_ascii(text);
    for (const ChatKind& chat : chat_kinds())
        if (valid_chat_id(id, chat) && id.find_first_of(digits) != std::string::npos)
            return std::string{chat.name} + ":" + id;
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

Result<AccountId> read_account(std::string_view text) {
    auto colon = text.find(':');
    auto meant = [&] { return account_meant(latinized(plain(text))); };
    if (code_points(text) > account_chars_max)
        return nobody(text, fmt::format("is longer than {} characters", account_chars_max), {});
    if (auto found = overlooked(text)) return nobody(text, "has " + *found, meant());
    auto kind = text.substr(0, colon);
    if (colon == std::string_view::npos || std::ranges::find(account_kinds(), kind) == account_kinds().end())
        return nobody(text,
                      "is no account: write one of " + join(account_kinds(), ", ") + ", a colon, and the id",
                      meant());
    auto wanted = example_instead(kind, text.substr(colon + 1));
    if (auto foreign = wanted.empty() ? std::nullopt : beyond_ascii(text))
        return nobody(text, fmt::format("has the character {}, which no {} account has", *foreign, kind),
                      meant());
    if (!wanted.empty())
        return nobody(text, fmt::format("is no {} account: write {}", kind, wanted), meant());
    return normal(AccountId{std::string{text}});
}

Result<AccountId> read_person(std::string_view text, const Policy& policy) {
    if (text.find(':') != std::string_view::npos) return read_account(text);
    bool listed =
        std::ranges::any_of(policy.people, [&](const auto& one) { return one.name.text() == text; });
    if (listed) return AccountId{std::string{text}};
    auto shown = text.empty() ? std::optional<std::string>{} : person_meant(latinized(plain(text)), policy);
    return nobody(
        text,
        "is neither a person of the policy nor an account: write a name from its `people`, or an account "
        "such as email:riley@example.com",
        shown);
}

Result<Done> read_people(std::vector<AccountId>& on_behalf_of, const Policy& policy) {
    for (std::size_t i = 0; i < on_behalf_of.size(); ++i) {
        auto person = read_person(on_behalf_of[i].text(), policy);
        if (!person) {
            person.error().pointer = "/on_behalf_of/" + std::to_string(i);
            return pass(person);
        }
        on_behalf_of[i] = std::move(*person);
    }
    return Done{};
}

}  // namespace countersign::core
