// node-zendesk: the help center. Its addresses are below one of their own, so it has a client of its own.

import { check, step } from "./journey.mjs";
import { has, is, one, refused, rows } from "./node_zendesk.mjs";

export async function helpCenter({ helpcenter }, me) {
  const segment = await segments(helpcenter, me);
  const category = await one(helpcenter.categories.create({ category: { name: "Node", locale: "en-us" } }), "category");
  has(await helpcenter.categories.list(), category, "categories");
  has(await helpcenter.categories.listWithLocale("en-us"), category, "categories in English");
  is((await one(helpcenter.categories.update(category.id, { category: { description: "D" } }), "category")).description, "D", "a description");
  await helpcenter.categories.updateWithLocale("en-us", category.id, { category: { description: "E" } });
  is((await one(helpcenter.categories.show(category.id), "category")).description, "E", "a category");
  const section = await sections(helpcenter, category);
  const article = await articles(helpcenter, { category, section, segment, me });
  await comments(helpcenter, article, me);
  await translations(helpcenter, { category, section, article });
  await readers(helpcenter, { section, article, me });
  await helpcenter.articles.delete(article.id);
  await refused(helpcenter.articles.show(article.id), 404);
  await helpcenter.sections.delete(section.id);
  await helpcenter.categories.delete(category.id);
  await refused(helpcenter.categories.show(category.id), 404);
  step("help center: deletes articles, sections and categories");
}

async function segments(helpcenter, me) {
  const made = await one(helpcenter.usersegments.create({ user_segment: { name: "Node readers", user_type: "signed_in_users" } }), "user_segment");
  has(await rows(helpcenter.usersegments.list(), "user_segments"), made, "segments");
  await helpcenter.usersegments.listApplicable();
  await helpcenter.usersegments.listByUser(me.id);
  is((await one(helpcenter.usersegments.show(made.id), "user_segment")).name, "Node readers", "a segment");
  await helpcenter.usersegments.update(made.id, { user_segment: { name: "Node people" } });
  await helpcenter.usersegments.listSections(made.id);
  await helpcenter.usersegments.delete(made.id);
  step("help center: makes, changes and removes user segments");
  return null;
}

async function sections(helpcenter, category) {
  const section = await one(helpcenter.sections.create(category.id, { section: { name: "Pipes", locale: "en-us" } }), "section");
  const other = await one(helpcenter.sections.createWithLocale("en-us", category.id, { section: { name: "Streams" } }), "section");
  for (const list of [helpcenter.sections.list(), helpcenter.sections.listByCategory(category.id), helpcenter.sections.listWithLocale("en-us"), helpcenter.sections.listByCategoryByLocale("en-us", category.id)]) {
    has(await list, section, "sections");
  }
  is((await one(helpcenter.sections.showWithLocale("en-us", other.id), "section")).name, "Streams", "a section in English");
  await helpcenter.sections.update(section.id, { section: { description: "D" } });
  await helpcenter.sections.updateWithLocale("en-us", section.id, { section: { description: "E" } });
  is((await one(helpcenter.sections.show(section.id), "section")).description, "E", "a description");
  await helpcenter.sections.delete(other.id);
  step("help center: makes, changes and lists categories and sections");
  return section;
}

async function articles(helpcenter, { category, section, segment, me }) {
  const record = { title: "How to pipe", body: "<p>With a stream.</p>", locale: "en-us", permission_group_id: 1, user_segment_id: segment, label_names: ["node"] };
  const article = await one(helpcenter.articles.create(section.id, { article: record }), "article");
  const second = await one(helpcenter.articles.createWithLocale("en-us", section.id, { article: { ...record, title: "How to stream" } }), "article");
  for (const list of [
    helpcenter.articles.list(), helpcenter.articles.listByLocale("en-us"), helpcenter.articles.listBySection(section.id),
    helpcenter.articles.listBySectionByLocale("en-us", section.id), helpcenter.articles.listByCategory(category.id),
    helpcenter.articles.listByCategoryByLocale("en-us", category.id), helpcenter.articles.listByUser(me.id),
    helpcenter.articles.listByLabelNames(["node"]),
  ]) {
    has(await list, article, "articles");
  }
  await helpcenter.articles.listSinceStartTime(Math.floor(Date.now() / 1000) - 3600);
  is((await one(helpcenter.articles.show(article.id), "article")).title, "How to pipe", "an article");
  is((await one(helpcenter.articles.showWithLocale("en-us", second.id), "article")).title, "How to stream", "an article in English");
  await helpcenter.articles.update(article.id, { article: { promoted: true } });
  is((await one(helpcenter.articles.updateWithLocale("en-us", article.id, { article: { promoted: false } }), "article")).promoted, false, "whether it is promoted");
  for (const found of [helpcenter.search.searchArticles("pipe"), helpcenter.search.searchArticlesInLocale("pipe", "en-us")]) {
    has(await rows(found, "results"), article, "articles found");
  }
  has(await rows(helpcenter.search.searchArticlesByLabels("node"), "articles"), article, "articles by label");
  await helpcenter.articles.delete(second.id);
  const label = await one(helpcenter.articlelabels.create(article.id, { label: { name: "pipes" } }), "label");
  has(await rows(helpcenter.articlelabels.list(), "labels"), label, "labels");
  has(await rows(helpcenter.articlelabels.listByArticle(article.id), "labels"), label, "labels of an article");
  is((await one(helpcenter.articlelabels.show(label.id), "label")).name, "pipes", "a label");
  await helpcenter.articlelabels.delete(article.id, label.id);
  for (const list of ["list", "listInline", "listBlock"]) {
    is((await rows(helpcenter.articleattachments[list](article.id), "article_attachments")).length, 0, `files: ${list}`);
  }
  step("help center: makes, finds, labels, changes and lists articles");
  return article;
}

async function comments(helpcenter, article, me) {
  const made = await one(helpcenter.articlecomments.create(article.id, { comment: { body: "<p>Thanks</p>", locale: "en-us" } }), "comment");
  has(await rows(helpcenter.articlecomments.listByArticle(article.id), "comments"), made, "comments");
  has(await rows(helpcenter.articlecomments.listByUser(me.id), "comments"), made, "comments of a user");
  await helpcenter.articlecomments.update(article.id, made.id, { comment: { body: "<p>Many thanks</p>" } });
  check((await one(helpcenter.articlecomments.show(article.id, made.id), "comment")).body.includes("Many"), "the comment stayed");
  await helpcenter.articlecomments.delete(article.id, made.id);
  await refused(helpcenter.articlecomments.show(article.id, made.id), 404);
  step("help center: writes, changes and deletes comments");
}

async function translations(helpcenter, { category, section, article }) {
  const { translations: all } = helpcenter;
  const german = (title) => ({ translation: { locale: "de", title, body: "<p>Mit einem Strom.</p>" } });
  const text = await one(all.createForArticle(article.id, german("Wie man leitet")), "translation");
  is((await one(all.show(article.id, "de"), "translation")).title, "Wie man leitet", "a text in German");
  check((await all.listByArticle(article.id, {})).length === 2, "not two texts");
  await all.updateForArticle(article.id, "de", { translation: { title: "Leiten" } });
  await all.createForSection(section.id, german("Rohre"));
  await all.updateForSection(section.id, "de", { translation: { title: "Leitungen" } });
  await all.createForCategory(category.id, german("Knoten"));
  await all.updateForCategory(category.id, "de", { translation: { title: "Ein Knoten" } });
  for (const list of [all.listBySection(section.id), all.listByCategory(category.id)]) is((await list).length, 2, "texts");
  for (const list of [all.listMissingLocalesByArticle(article.id), all.listMissingLocalesBySection(section.id), all.listMissingLocalesByCategory(category.id)]) {
    is(await rows(list, "locales"), [], "languages that are missing");
  }
  check((await rows(all.listLocales(), "locales")).includes("de"), "German is missing");
  await all.delete(text.id);
  await refused(all.show(article.id, "de"), 404);
  step("help center: writes articles, sections and categories in two languages");
}

async function readers(helpcenter, { section, article, me }) {
  const { subscriptions, votes } = helpcenter;
  const up = await one(votes.createUpVoteForArticle(article.id), "vote");
  has(await rows(votes.listByArticle(article.id), "votes"), up, "votes");
  has(await rows(votes.listByUser(me.id), "votes"), up, "votes of a user");
  is((await one(votes.show(up.id), "vote")).value, 1, "a vote");
  is((await one(votes.createDownVoteForArticle(article.id), "vote")).value, -1, "the other vote");
  await votes.delete(up.id);
  const ofArticle = await one(subscriptions.createbyArticle(article.id, { subscription: { source_locale: "en-us" } }), "subscription");
  const ofSection = await one(subscriptions.createbySection(section.id, { subscription: { source_locale: "en-us", include_comments: true } }), "subscription");
  has(await subscriptions.listByArticle(article.id), ofArticle, "subscriptions of an article");
  has(await subscriptions.listBySection(section.id), ofSection, "subscriptions of a section");
  for (const made of [ofArticle, ofSection]) has(await subscriptions.listByUser(me.id), made, "subscriptions of a user");
  await subscriptions.showbyArticle(article.id, ofArticle.id);
  await subscriptions.showbySection(section.id, ofSection.id);
  await subscriptions.deletebyArticle(article.id, ofArticle.id);
  step("help center: votes and subscribes");
}
