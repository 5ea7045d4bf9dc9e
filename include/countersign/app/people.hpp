#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/events.hpp"
#include "countersign/base/crypto.hpp"
#include "countersign/core/people.hpp"
#include "countersign/rt/later.hpp"

// Which accounts belong to one person, the codes by which people say so, and who is away.
namespace countersign::app {

struct StoredPersonKind {
    static constexpr std::string_view prefix = "prs_";
};
struct LinkOfferKind {
    static constexpr std::string_view prefix = "lnk_";
};
using StoredPersonId = core::Minted<StoredPersonKind>;
using LinkOfferId = core::Minted<LinkOfferKind>;

enum class LinkWay : std::uint8_t { code, administrator };
std::string_view name_of(LinkWay way);
std::optional<LinkWay> parse_link_way(std::string_view text);

// One account of a person, or the name of a person of the policy. Linked at most once at a time.
struct MemberAccount {
    core::AccountId account;
    StoredPersonId person;
    LinkWay way = LinkWay::administrator;
    core::Instant linked_at;
    std::optional<core::Instant> unlinked_at;
    friend bool operator==(const MemberAccount&, const MemberAccount&) = default;
};
struct PeopleNews {
    std::int64_t version = 0;             // rises with every change
    std::vector<MemberAccount> accounts;  // those of now and of before, oldest first; at most links_max
    std::vector<core::Absence> absences;
};
inline constexpr std::size_t links_max = 100'000;
inline constexpr std::size_t account_bytes_max = 500;

// What the directory makes of them: star-shaped, so that whoever was one person at any time is joined, by
// links that hold or by ended ones.
std::vector<core::Directory::Link> links_of(const std::vector<MemberAccount>& accounts);

struct LinkAct {
    core::AccountId one;
    core::AccountId other;
    LinkWay way = LinkWay::administrator;
    bool merge = false;    // may make one person of two that are stored already
    StoredPersonId fresh;  // the person, where neither account has one
    AdminEvent event;      // recorded when something changed
};
// The act's event, as a store records it once it knows the person and the accounts.
AdminEvent told_of(AdminEvent event, const StoredPersonId& person,
                   const std::vector<core::AccountId>& accounts);
struct Linked {
    StoredPersonId person;
    bool changed = false;
};
struct UnlinkAct {
    core::AccountId account;
    AdminEvent event;
};

// Accounts in their full, normal form; what changes is recorded together with its event.
class PeopleStore {
  public:
    virtual ~PeopleStore() = default;
    // Reads links and absences. nullopt: they are still of the version that is `known`.
    virtual Later<std::optional<PeopleNews>> read(std::optional<std::int64_t> known, Deadline deadline) = 0;
    // Says that two accounts are one person's. conflict, code "two_persons": both belong to stored persons,
    // and the act merges none.
    virtual Later<Linked> link(LinkAct act, Deadline deadline) = 0;
    // Answers with the person the account belonged to. not_found: it is linked to nobody.
    virtual Later<StoredPersonId> unlink(UnlinkAct act, Deadline deadline) = 0;
    // Whose `until` is not after `now` is back again.
    virtual Later<Done> set_absence(core::Absence absence, core::Instant now, Deadline deadline) = 0;
};

// ---- codes: asked for by one account, given by the other, confirmed by both

inline constexpr core::Duration link_code_life{std::chrono::minutes{10}};
inline constexpr int link_tries_max =
    5;  // wrong codes of one account in link_code_life; wrong tries of one code

// "7K2M-ABCDE-FGHJK": four characters that find the code, then ten, 50 bits, that are its secret.
struct LinkCode {
    std::string selector;
    Secret secret;
    std::string text() const;  // for the one who asked, once
};
LinkCode mint_link_code(rt::Entropy& entropy);
// Reads a code as people type it: in any case, with any dashes and spaces, O for 0, I and L for 1. nullopt:
// it is not a code at all.
std::optional<LinkCode> read_link_code(std::string_view text);
Sha256 link_code_hash(LinkOfferId id, const Secret& secret);

struct LinkOffer {
    LinkOfferId id;
    core::AccountId asker;
    core::AccountId giver;
    enum class State : std::uint8_t { waiting, linked, declined } state = State::waiting;
    bool asker_agreed = false;
    bool giver_agreed = false;
};

class LinkCodeStore {
  public:
    virtual ~LinkCodeStore() = default;
    struct Asked {
        LinkOfferId id;
        std::string selector;
        Sha256 hash;
        core::AccountId asker;
        core::Instant now;
    };
    // The code takes the place of an earlier one of this account. conflict: the selector is taken, draw
    // another code.
    virtual Later<Done> ask(Asked asked, Deadline deadline) = 0;
    struct Given {
        LinkCode code;
        core::AccountId giver;
        core::Instant now;
    };
    // A code is given once. not_found (code "wrong_code"): no such code, used, or too old, which all sound
    // alike. overloaded (code "too_many_tries"). invalid_input (code "own_code"): the account that asked for
    // it.
    virtual Later<LinkOffer> give(Given given, Deadline deadline) = 0;
    struct Answer {
        LinkOfferId offer;
        core::AccountId account;
        bool agrees = false;
        StoredPersonId fresh;  // as in LinkAct
        AdminEvent event;
    };
    // Links once both have agreed, in the same transaction. not_found: no such offer, or it has run out.
    // forbidden: the account has no part in it.
    virtual Later<LinkOffer> answer(Answer answer, Deadline deadline) = 0;
};

// ---- telling one person something, unasked

struct Confidence {
    std::vector<std::string> lines;    // hostile as far as a renderer is concerned
    std::optional<LinkOfferId> offer;  // to be answered with yes or no
};
class Confidant {
  public:
    virtual ~Confidant() = default;
    // Tells it to nobody but the owner of this account. not_found: the chat knows no such account.
    virtual Later<Done> confide(core::AccountId to, Confidence what, Deadline deadline) = 0;
};

}  // namespace countersign::app
