#include <algorithm>

#include "sandbox/json.hpp"
#include "sandbox/web_api.hpp"

// This file serves views.* and blocks.validate.
namespace countersign::sandbox {

std::optional<Answer> WebApi::refuse_view(const Value& view, Surface surface, const View* self) {
    if (!view.members()) return no_with("invalid_arguments", {{"missing required field: view", "/view"}});
    if (core::canonical(view).size() > view_bytes_max) return no("view_too_large");
    auto complaints = check_view(view, surface);
    for (auto& complaint : complaints) complaint.pointer = "/view" + complaint.pointer;
    if (!complaints.empty()) return no_with("invalid_arguments", complaints);
    std::string_view external = view["external_id"].text();
    const View* taken = external.empty() ? nullptr : workspace_.find_view(external);
    if (taken && taken != self) return no("duplicate_external_id");
    return std::nullopt;
}

std::optional<Answer> WebApi::use_trigger(const Args& args, Trigger& used) {
    std::string_view id = args["trigger_id"].text();
    if (id.empty()) return no_with("invalid_arguments", {{"missing required field: trigger_id", ""}});
    Trigger* trigger = workspace_.find_trigger(id);
    if (!trigger) return no("invalid_trigger_id");
    if (trigger->used) return no("exchanged_trigger_id");
    if (trigger->until < workspace_.now()) return no("expired_trigger_id");
    trigger->used = true;
    used = *trigger;
    return std::nullopt;
}

Answer WebApi::view_open(const Args& args) {
    if (auto refused = refuse_view(args["view"], Surface::modal, nullptr)) return std::move(*refused);
    Trigger trigger;
    if (auto refused = use_trigger(args, trigger)) return std::move(*refused);
    workspace_.close_stack(trigger.user);
    View& view = workspace_.add_view(trigger.user, args["view"], {}, {});
    workspace_.stack(trigger.user).push_back(std::string(view.body["id"].text()));
    workspace_.tell_views(trigger.user);
    return yes({{"view", view.body}});
}

Answer WebApi::view_push(const Args& args) {
    if (auto refused = refuse_view(args["view"], Surface::modal, nullptr)) return std::move(*refused);
    Trigger trigger;
    if (auto refused = use_trigger(args, trigger)) return std::move(*refused);
    auto& stack = workspace_.stack(trigger.user);
    if (trigger.view.empty() || stack.empty()) return no("not_found");
    if (stack.size() >= views_per_stack_max) return no("push_limit_reached");
    View& view = workspace_.add_view(trigger.user, args["view"], stack.back(), stack.front());
    stack.push_back(std::string(view.body["id"].text()));
    workspace_.tell_views(trigger.user);
    return yes({{"view", view.body}});
}

Answer WebApi::view_update(const Args& args) {
    std::string_view id = args["view_id"].text();
    if (id.empty()) id = args["external_id"].text();
    View* view = id.empty() ? nullptr : workspace_.find_view(id);
    if (!view) return no("not_found");
    const bool home = view->body["type"].text() == "home";
    if (auto refused = refuse_view(args["view"], home ? Surface::home : Surface::modal, view))
        return std::move(*refused);
    std::string_view hash = args["hash"].text();
    if (!hash.empty() && hash != view->body["hash"].text()) return no("hash_conflict");
    workspace_.set_view(*view, args["view"]);
    return yes({{"view", view->body}});
}

Answer WebApi::view_publish(const Args& args) {
    const User* user = workspace_.find_user(args["user_id"].text());
    if (!user) return no_with("invalid_arguments", {{"user_not_found", "/user_id"}});
    std::string id = workspace_.home_of(user->id);
    View* view = id.empty() ? nullptr : workspace_.find_view(id);
    if (auto refused = refuse_view(args["view"], Surface::home, view)) return std::move(*refused);
    std::string_view hash = args["hash"].text();
    if (view && !hash.empty() && hash != view->body["hash"].text()) return no("hash_conflict");
    if (view) {
        workspace_.set_view(*view, args["view"]);
    } else {
        view = &workspace_.add_view(user->id, args["view"], {}, {});
        workspace_.remember_home(user->id, view->body["id"].text());
    }
    return yes({{"view", view->body}});
}

Answer WebApi::blocks_validate(const Args& args) {
    if (args["view"].members()) {
        const bool home = args["view"]["type"].text() == "home";
        auto complaints = check_view(args["view"], home ? Surface::home : Surface::modal);
        return complaints.empty() ? yes() : no_with("invalid_view", complaints);
    }
    const bool message = args["message"].members() != nullptr;
    auto complaints = check_blocks(message ? args["message"]["blocks"] : args["blocks"], Surface::message);
    return complaints.empty() ? yes() : no_with(message ? "invalid_message" : "invalid_blocks", complaints);
}

}  // namespace countersign::sandbox
