-- The help center: categories of sections of articles, each with a text in one language or several; who may read and write what; what
-- readers say of it. Written as 0001 is.

-- Languages that there are texts in. The default one is that of readers who name none.
create table help_locales (
    locale @text primary key,
    is_default bigint not null default 0,
    created_at bigint not null default 0
);
create unique index help_locales_default on help_locales (is_default) where is_default = 1;
insert into help_locales (locale, is_default) values ('en-us', 1);

-- Whom an article may be kept to. Few.
create table user_segments (
    id @id,
    name @text not null,
    -- signed_in_users, staff
    user_type @text not null,
    built_in bigint not null default 0,
    -- JSON: group_ids, organization_ids, tags, or_tags, added_user_ids
    rules @text not null,
    created_at bigint not null default 0,
    updated_at bigint not null default 0
);
insert into user_segments (name, user_type, built_in, rules) values ('Signed-in users', 'signed_in_users', 1, '{}');
insert into user_segments (name, user_type, built_in, rules) values ('Agents and managers', 'staff', 1, '{}');

-- Who may write an article, and who may show it to its readers: ids of segments, as JSON. Few.
create table help_permission_groups (
    id @id,
    name @text not null,
    built_in bigint not null default 0,
    edit @text not null,
    publish @text not null,
    created_at bigint not null default 0,
    updated_at bigint not null default 0
);
insert into help_permission_groups (name, built_in, edit, publish) values ('Managers', 1, '[]', '[]');
insert into help_permission_groups (name, built_in, edit, publish) values ('Agents and managers', 1, '[2]', '[2]');

create table help_categories (
    id @id,
    source_locale @text not null,
    position bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create index help_categories_by_position on help_categories (position, id);
create index help_categories_by_created on help_categories (created_at, id);
create index help_categories_by_updated on help_categories (updated_at, id);

create table help_sections (
    id @id,
    category_id bigint not null references help_categories (id) on delete cascade,
    parent_section_id bigint references help_sections (id) on delete cascade,
    source_locale @text not null,
    position bigint not null,
    -- manual, title, creation_desc, creation_asc
    sorting @text not null,
    theme_template @text,
    created_at bigint not null,
    updated_at bigint not null
);
create index help_sections_by_position on help_sections (position, id);
create index help_sections_by_created on help_sections (created_at, id);
create index help_sections_by_updated on help_sections (updated_at, id);
create index help_sections_by_category on help_sections (category_id, position, id);
create index help_sections_by_parent on help_sections (parent_section_id) where parent_section_id is not null;

-- Each section with all that are above it, and with itself.
create table help_section_paths (
    ancestor_id bigint not null references help_sections (id) on delete cascade,
    section_id bigint not null references help_sections (id) on delete cascade,
    primary key (ancestor_id, section_id)
);
create index help_section_paths_by_section on help_section_paths (section_id);

create table help_articles (
    id @id,
    section_id bigint not null references help_sections (id) on delete cascade,
    author_id bigint references people (id) on delete set null,
    permission_group_id bigint not null references help_permission_groups (id),
    source_locale @text not null,
    -- Kept to segments.
    restricted bigint not null,
    promoted bigint not null,
    position bigint not null,
    comments_disabled bigint not null,
    -- JSON array of words
    content_tag_ids @text not null,
    -- Votes of people who are gone still count.
    vote_sum bigint not null default 0,
    vote_count bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null,
    -- The last change of a text.
    edited_at bigint not null,
    -- Deleted ones stay, and nobody sees them.
    archived_at bigint
);
create index help_articles_by_position on help_articles (position, id) where archived_at is null;
create index help_articles_by_created on help_articles (created_at, id) where archived_at is null;
create index help_articles_by_updated on help_articles (updated_at, id) where archived_at is null;
create index help_articles_by_edited on help_articles (edited_at, id) where archived_at is null;
create index help_articles_by_section on help_articles (section_id, position, id) where archived_at is null;
create index help_articles_by_author on help_articles (author_id, position, id) where archived_at is null;
create index help_articles_by_permission_group on help_articles (permission_group_id);

create table help_article_segments (
    article_id bigint not null references help_articles (id) on delete cascade,
    segment_id bigint not null references user_segments (id),
    primary key (article_id, segment_id)
);
create index help_article_segments_by_segment on help_article_segments (segment_id, article_id);

-- The words of a category, a section or an article in one language: exactly one of the three is set.
create table help_translations (
    id @id,
    category_id bigint references help_categories (id) on delete cascade,
    section_id bigint references help_sections (id) on delete cascade,
    article_id bigint references help_articles (id) on delete cascade,
    locale @text not null,
    title @text not null,
    -- As titles are sorted.
    title_key @text not null,
    body @text not null,
    draft bigint not null,
    outdated bigint not null,
    created_by bigint references people (id) on delete set null,
    updated_by bigint references people (id) on delete set null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index help_translations_of_category on help_translations (category_id, locale) where category_id is not null;
create unique index help_translations_of_section on help_translations (section_id, locale) where section_id is not null;
create unique index help_translations_of_article on help_translations (article_id, locale) where article_id is not null;
-- articles of one language by title
create index help_translations_by_title on help_translations (locale, title_key, article_id) where article_id is not null;

create table help_labels (
    id @id,
    name @text not null,
    -- As it is compared.
    name_key @text not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index help_labels_by_name on help_labels (name_key);

create table help_article_labels (
    article_id bigint not null references help_articles (id) on delete cascade,
    label_id bigint not null references help_labels (id) on delete cascade,
    primary key (article_id, label_id)
);
create index help_article_labels_by_label on help_article_labels (label_id, article_id);

-- Files of articles; of none yet while they wait for one.
create table help_attachments (
    id @id,
    file_id bigint not null references files (id) on delete cascade,
    article_id bigint references help_articles (id) on delete cascade,
    inline bigint not null,
    locale @text,
    created_at bigint not null,
    updated_at bigint not null
);
create index help_attachments_by_article on help_attachments (article_id, id) where article_id is not null;
create index help_attachments_by_file on help_attachments (file_id);

create table help_comments (
    id @id,
    article_id bigint not null references help_articles (id) on delete cascade,
    author_id bigint not null references people (id) on delete cascade,
    locale @text not null,
    body @text not null,
    -- Who changed somebody else's.
    editor_id bigint references people (id) on delete set null,
    edited_at bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create index help_comments_by_created on help_comments (article_id, created_at, id);
create index help_comments_by_updated on help_comments (article_id, updated_at, id);
create index help_comments_by_author on help_comments (author_id, created_at, id);

create table help_votes (
    id @id,
    article_id bigint not null references help_articles (id) on delete cascade,
    person_id bigint not null references people (id) on delete cascade,
    -- 1, -1
    value bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index help_votes_by_article on help_votes (article_id, person_id);
create index help_votes_by_person on help_votes (person_id, id);

-- Who wants to be told of an article's comments, or of a section's articles: one of the two is set.
create table help_subscriptions (
    id @id,
    person_id bigint not null references people (id) on delete cascade,
    article_id bigint references help_articles (id) on delete cascade,
    section_id bigint references help_sections (id) on delete cascade,
    locale @text not null,
    include_comments bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create unique index help_subscriptions_by_article on help_subscriptions (article_id, person_id) where article_id is not null;
create unique index help_subscriptions_by_section on help_subscriptions (section_id, person_id) where section_id is not null;
create index help_subscriptions_by_person on help_subscriptions (person_id);
