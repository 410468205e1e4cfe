//! `/admin/agents`: the address that agents connect to (MCP), and the switch that closes it (MC-9).

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use endpoint::{App, BySession, Target};
use helpdesk::Error;
use oauth::provider_settings;
use oauth::resources::{MCP_SETTING, McpSettings};
use scope::permit::CanWrite;
use scope::resource::Apps;
use scope::{Dialect, words};

use crate::pages::{Frame, done, page, see_other};
use crate::rooms::Section;
use crate::visitor::{Posted, Query, Visitor};
use crate::{account, errors};

#[derive(Template)]
#[template(path = "admin/agents.html")]
pub struct Agents {
    pub frame: Frame,
    /// What a person tells their agent.
    pub address: String,
    pub is_on: bool,
    /// Words of the tools, and what each lets an agent do.
    pub words: Vec<Word>,
}

pub struct Word {
    pub word: &'static str,
    pub sentence: &'static str,
}

/// `GET /admin/agents`
pub async fn show(
    State(app): State<App>,
    _admin: BySession<CanWrite<Apps>>,
    visitor: Visitor,
    Query(query): Query,
) -> Response {
    match Agents::read(&app, &visitor).await {
        Ok(Some(mut found)) => {
            found.frame.done = done(&query);
            page(StatusCode::OK, &found)
        }
        Ok(None) => see_other("/login"),
        Err(error) => errors::helpdesk(&error),
    }
}

/// `POST /admin/agents`
pub async fn save(State(app): State<App>, BySession(may): BySession<CanWrite<Apps>>, posted: Posted) -> Response {
    let settings = McpSettings { on: posted.form.value("on") == "yes" };
    match app.provider.put_setting(&may, MCP_SETTING, &settings).await {
        Ok(()) => see_other("/admin/agents?done=saved"),
        Err(error) => errors::helpdesk(&error),
    }
}

impl Agents {
    async fn read(app: &App, visitor: &Visitor) -> Result<Option<Agents>, Error> {
        let account = account::name(app).await?;
        let mut tx = app.db.read().await?;
        let settings: McpSettings = provider_settings::read(&mut tx, MCP_SETTING).await?;
        drop(tx);
        let Some(frame) = visitor.frame(account, Section::Agents, "AI agents") else { return Ok(None) };
        let words = words::narrowest(Dialect::Standard, app.provider.config.tool_permissions)
            .into_iter()
            .filter_map(|word| words::find(Dialect::Standard, word))
            .map(|word| Word { word: word.word, sentence: word.sentence })
            .collect();
        let address = Target::Mcp.identifier(&app.config.public_url);
        Ok(Some(Agents { frame, address, is_on: settings.on, words }))
    }
}
