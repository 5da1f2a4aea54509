-- What other systems had counted of a user until they were left: JSON {source: [chats, risk alerts, chats taken over one by one, risk alerts of these]}.

ALTER TABLE users ADD COLUMN sources TEXT;
