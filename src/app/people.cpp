#include "countersign/app/people.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's
constexpr std::size_t selector_chars = 4;
constexpr std::size_t secret_chars = 10;  // 50 bits

// Reads a character as it is typed: letters of either case, and those that look like digits.
std::optional<char> read_char(char c) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    if (alphabet.find(c) == std::string_view::npos) return std::nullopt;
    return c;
}

}  // namespace

std::string_view name_of(LinkWay way) {
    return way == LinkWay::code ? "code" : "administrator";
}

std::optional<LinkWay> parse_link_way(std::string_view text) {
    for (LinkWay way : {LinkWay::code, LinkWay::administrator})
        if (name_of(way) == text) return way;
    return std::nullopt;
}

std::vector<core::Directory::Link> links_of(const std::vector<MemberAccount>& accounts) {
    // The account that the others of a person hang from: one that is linked now, else the last to go.
    std::map<StoredPersonId, const MemberAccount*> anchors;
    for (const MemberAccount& one : accounts) {
        auto [at, fresh] = anchors.try_emplace(one.person, &one);
        const MemberAccount& anchor = *at->second;
        if (fresh || !anchor.unlinked_at) continue;
        if (!one.unlinked_at || *one.unlinked_at > *anchor.unlinked_at) at->second = &one;
    }
    std::vector<core::Directory::Link> links;
    for (const MemberAccount& one : accounts) {
        const MemberAccount& anchor = *anchors.at(one.person);
        if (&one == &anchor || one.account == anchor.account) continue;
        links.push_back({one.account, core::PersonId{anchor.account.text()}, one.unlinked_at});
    }
    return links;
}

AdminEvent told_of(AdminEvent event, const StoredPersonId& person,
                   const std::vector<core::AccountId>& accounts) {
    core::Value list = core::Value::array();
    for (const auto& account : accounts) list.push(account.text());
    event.subject = person.text();
    event.facts.set("accounts", std::move(list));
    return event;
}

std::string LinkCode::text() const {
    std::string all{secret.reveal()};
    return selector + "-" + all.substr(0, secret_chars / 2) + "-" + all.substr(secret_chars / 2);
}

LinkCode mint_link_code(rt::Entropy& entropy) {
    std::array<std::byte, selector_chars + secret_chars> chance{};
    entropy.fill(chance);
    std::string all;
    for (std::byte one : chance) all += alphabet[static_cast<std::size_t>(one) % alphabet.size()];
    return {all.substr(0, selector_chars), Secret{all.substr(selector_chars)}};
}

std::optional<LinkCode> read_link_code(std::string_view text) {
    std::string all;
    for (char c : text) {
        if (c == '-' || c == ' ') continue;
        auto read = read_char(c);
        if (!read || all.size() == selector_chars + secret_chars) return std::nullopt;
        all += *read;
    }
    if (all.size() != selector_chars + secret_chars) return std::nullopt;
    return LinkCode{all.substr(0, selector_chars), Secret{all.substr(selector_chars)}};
}

Sha256 link_code_hash(LinkOfferId id, const Secret& secret) {
    return sha256("link-code:" + id.text() + ":" + std::string{secret.reveal()});
}

}  // namespace countersign::app
