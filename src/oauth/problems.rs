//! Why a sign-in cannot go on, in words for the person: each problem with its code, its cause and the way on.

use crate::page::Problem;

/// A problem of the request.
const fn request(code: &'static str, cause: &'static str, fix: &'static str) -> Problem {
    Problem { status: 400, code, cause, fix }
}

/// Advice for a link that may have been cut when it was copied.
macro_rules! if_not_cut {
    ($fix:literal) => {
        concat!("If you copied the link, copy all of it again. Otherwise ", $fix)
    };
}

pub(super) const UNREADABLE: Problem = request(
    "request-unreadable",
    "The address of this page is damaged: it is too long, or names something twice.",
    "Close this page and start the connection again in your program.",
);
pub(super) const INCOMPLETE: Problem = request(
    "link-incomplete",
    "A part of the link is missing.",
    "If you copied it, copy all of it again: in a terminal it can run over several lines. Otherwise start the connection \
     again in your program.",
);
pub(super) const UNKNOWN_CLIENT: Problem = request(
    "unknown-program",
    "The program that sent you here did not say which program it is in a way that this server knows.",
    if_not_cut!("remove the connection in your program and add it again; that registers the program anew."),
);
pub(super) const OTHER_REDIRECT: Problem = request(
    "redirect-uri",
    "The program wants you to be sent to an address that it has not registered, or to which this server sends nobody.",
    if_not_cut!(
        "remove the connection in your program and add it again. This server sends people back only to Claude or to \
     a program on their own computer, not to other websites."
    ),
);
pub(super) const OTHER_RESPONSE: Problem = request(
    "response-type",
    "The program asks for a kind of sign-in that this server does not have.",
    "This server has the authorization code flow, with the answer in the query. The program needs an update.",
);
pub(super) const NO_PKCE: Problem = request(
    "pkce",
    "The program asks without the protection that this server requires (PKCE with S256).",
    if_not_cut!("the program needs an update."),
);
pub(super) const OTHER_RESOURCE: Problem = request(
    "resource",
    "The program wants access to another server than this one.",
    if_not_cut!(
        "compare the address in your program with the one on the page “How to connect”, and add the connection again."
    ),
);
pub(super) const ELSEWHERE: Problem = Problem {
    status: 403,
    code: "foreign-form",
    cause: "The form did not come from this server's own sign-in page.",
    fix: "Check that the address bar shows the address of this server, and start the connection again in your program. \
     Never enter your token on a page at another address.",
};
pub(super) const STRIPPED: Problem = Problem {
    status: 403,
    code: "origin-hidden",
    cause: "Your browser, or an extension in it, hides from which page the form was sent, so this server cannot know that \
     it is its own.",
    fix: "Allow this site to see where its own requests come from (the Origin header), or use another browser, and try again.",
};
pub(super) const FORM_LOST: Problem = request(
    "form-unreadable",
    "The form is too large, or did not arrive as it was sent.",
    "Close this page and start the connection again in your program. In the field belongs nothing but your token.",
);
pub(super) const NO_CODE: Problem = Problem {
    status: 500,
    code: "server-error",
    cause: "The server failed to make a code for your program.",
    fix: "Start the connection again in a minute.",
};
