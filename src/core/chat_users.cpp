#include "countersign/core/chat_users.hpp"

#include <algorithm>
#include <map>

#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

std::uint64_t hash_of(std::string_view text) {
    return std::hash<std::string_view>{}(text);
}

}  // namespace

std::string_view name_of(AccountClass klass) {
    constexpr std::array<std::string_view, 6> names{"member",  "guest",   "bot",
                                                    "deleted", "foreign", "unknown"};
    return names[static_cast<std::size_t>(klass)];
}

std::string folded_email(std::string_view address) {
    std::string plain = lower_ascii(address);
    auto at = plain.rfind('@');
    if (at == std::string::npos) return plain;
    auto tag = plain.find('+');
    if (tag != std::string::npos && tag > 0 && tag < at) plain.erase(tag, at - tag);
    return plain;
}

const ChatUser* ChatUsers::find(std::string_view id) const {
    const auto& shelf = users_[hash_of(id) % shelves];
    if (!shelf) return nullptr;
    auto at = std::ranges::lower_bound(*shelf, id, {},
                                       [](const auto& user) -> std::string_view { return user->id; });
    return at != shelf->end() && (*at)->id == id ? at->get() : nullptr;
}

std::vector<const ChatUser*> ChatUsers::with_email(std::string_view address) const {
    std::vector<const ChatUser*> found;
    const std::string folded = folded_email(address);
    const std::uint64_t hash = hash_of(folded);
    const auto& shelf = addresses_[hash % shelves];
    if (!shelf || folded.empty()) return found;
    for (auto at = std::ranges::lower_bound(*shelf, hash, {}, &Address::hash);
         at != shelf->end() && at->hash == hash; ++at) {
        const ChatUser* user = find(at->user);
        if (user && folded_email(user->email) == folded) found.push_back(user);
    }
    return found;
}

void ChatUsers::put_on(Shelf& shelf, ChatUser user, std::vector<Readdressed>& readdressed) {
    auto at = std::ranges::lower_bound(shelf, user.id, {},
                                       [](const auto& one) -> const std::string& { return one->id; });
    const bool known = at != shelf.end() && (*at)->id == user.id;
    const std::string had = known ? (*at)->email : std::string{};
    if (had != user.email) {
        if (!had.empty()) readdressed.push_back({{hash_of(folded_email(had)), user.id}, false});
        if (!user.email.empty()) readdressed.push_back({{hash_of(folded_email(user.email)), user.id}, true});
    }
    auto kept = std::make_shared<const ChatUser>(std::move(user));
    if (known) {
        *at = std::move(kept);
    } else {
        shelf.insert(at, std::move(kept));
        ++size_;
    }
}

void ChatUsers::readdress(const std::vector<Readdressed>& changes) {
    std::map<std::size_t, std::shared_ptr<Addresses>> touched;
    for (const Readdressed& change : changes) {
        const std::size_t number = change.address.hash % shelves;
        auto& copy = touched[number];
        if (!copy)
            copy = addresses_[number] ? std::make_shared<Addresses>(*addresses_[number])
                                      : std::make_shared<Addresses>();
        auto at = std::ranges::lower_bound(*copy, change.address);
        const bool there = at != copy->end() && *at == change.address;
        if (change.here && !there) copy->insert(at, change.address);
        if (!change.here && there) copy->erase(at);
    }
    for (auto& [number, shelf] : touched) addresses_[number] = std::move(shelf);
}

void ChatUsers::put(ChatUser user) {
    std::vector<ChatUser> one;
    one.push_back(std::move(user));
    put(std::move(one));
}

void ChatUsers::put(std::vector<ChatUser> users) {
    std::map<std::size_t, std::shared_ptr<Shelf>> touched;
    std::vector<Readdressed> readdressed;
    for (ChatUser& user : users) {
        const std::size_t number = hash_of(user.id) % shelves;
        auto& copy = touched[number];
        if (!copy)
            copy = users_[number] ? std::make_shared<Shelf>(*users_[number]) : std::make_shared<Shelf>();
        put_on(*copy, std::move(user), readdressed);
    }
    for (auto& [number, shelf] : touched) users_[number] = std::move(shelf);
    readdress(readdressed);
}

void ChatUsers::each(const std::function<void(const ChatUser&)>& see) const {
    for (const auto& shelf : users_) {
        if (!shelf) continue;
        for (const auto& user : *shelf) see(*user);
    }
}

}  // namespace countersign::core
