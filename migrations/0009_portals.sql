CREATE TABLE `portal_hosts` (
	`host` text PRIMARY KEY NOT NULL,
	`brand` text NOT NULL,
	FOREIGN KEY (`brand`) REFERENCES `brands`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `portal_hosts_brand` ON `portal_hosts` (`brand`);--> statement-breakpoint
ALTER TABLE `brands` ADD `portal` text;