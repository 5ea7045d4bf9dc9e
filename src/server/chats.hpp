#pragma once
#include <memory>
#include <vector>

#include "countersign/adapters/config.hpp"
#include "countersign/adapters/slack.hpp"
#include "countersign/app/chats.hpp"

namespace countersign::server {

// The chats that the settings name, each with its own adapter. None is fine.
std::vector<std::unique_ptr<app::ConnectedChat>> make_chats(const config::Settings& settings,
                                                            const app::Runtime& runtime,
                                                            app::Conversation::Parts parts,
                                                            net::Dialer& dialer,
                                                            rt::asio::any_io_executor executor);

}  // namespace countersign::server
